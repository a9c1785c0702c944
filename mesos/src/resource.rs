//! The `Resource` message. Its algebra is in [`crate::resources`].

use crate::discovery::Labels;
use crate::ids::ResourceProviderId;
use crate::value::{Ranges, Scalar, Set, ValueType};
use crate::volume::Volume;
use crate::{message, wire_enum};

message! {
    /// Mesos's `Resource`.
    pub struct Resource("Resource") {
        provider_id as "p": Option<ResourceProviderId>,
        name as "n": String,
        r#type as "t": ValueType,
        scalar as "s": Option<Scalar>,
        ranges as "g": Option<Ranges>,
        set as "e": Option<Set>,
        role: Option<String>,
        allocation_info as "a": Option<AllocationInfo>,
        reservation: Option<ReservationInfo>,
        reservations as "r": Vec<ReservationInfo>,
        disk as "d": Option<Box<DiskInfo>>,
        revocable as "v": Option<RevocableInfo>,
        shared as "h": Option<SharedInfo>,
    }

    /// Mesos's `Resource.AllocationInfo`.
    pub struct AllocationInfo("AllocationInfo") {
        role as "r": Option<String>,
    }

    /// Mesos's `Resource.ReservationInfo`.
    pub struct ReservationInfo("ReservationInfo") {
        r#type as "t": Option<ReservationType>,
        role as "r": Option<String>,
        principal as "p": Option<String>,
        labels as "l": Option<Box<Labels>>,
    }

    /// Mesos's `Resource.DiskInfo`.
    pub struct DiskInfo("DiskInfo") {
        persistence: Option<Persistence>,
        volume: Option<Volume>,
        source: Option<DiskSource>,
    }

    /// Mesos's `Resource.DiskInfo.Persistence`.
    pub struct Persistence("Persistence") {
        id: String,
        principal: Option<String>,
    }

    /// Mesos's `Resource.DiskInfo.Source`.
    pub struct DiskSource("Source") {
        r#type: DiskSourceType,
        path: Option<DiskSourcePath>,
        mount: Option<DiskSourceMount>,
        vendor: Option<String>,
        id: Option<String>,
        metadata: Option<Box<Labels>>,
        profile: Option<String>,
    }

    /// Mesos's `Resource.DiskInfo.Source.Path`.
    pub struct DiskSourcePath("Path") {
        root: Option<String>,
    }

    /// Mesos's `Resource.DiskInfo.Source.Mount`.
    pub struct DiskSourceMount("Mount") {
        root: Option<String>,
    }

    /// Mesos's `Resource.RevocableInfo`.
    pub struct RevocableInfo("RevocableInfo") {
    }

    /// Mesos's `Resource.SharedInfo`.
    pub struct SharedInfo("SharedInfo") {
    }
}

wire_enum! {
    /// Mesos's `Resource.ReservationInfo.Type`.
    pub enum ReservationType {
        Unknown = "UNKNOWN" (0),
        Static = "STATIC" (1),
        Dynamic = "DYNAMIC" (2),
    }

    /// Mesos's `Resource.DiskInfo.Source.Type`.
    pub enum DiskSourceType {
        Unknown = "UNKNOWN" (0),
        Path = "PATH" (1),
        Mount = "MOUNT" (2),
        Block = "BLOCK" (3),
        Raw = "RAW" (4),
    }
}
