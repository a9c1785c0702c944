//! The `Resource` message. Its algebra is in [`crate::resources`].

use crate::discovery::Labels;
use crate::ids::ResourceProviderId;
use crate::value::{Ranges, Scalar, Set, ValueType};
use crate::volume::Volume;
use crate::{message, wire_enum};

message! {
    /// An amount of something, with all that sets it apart. Scalars of `mem` and `disk` are in
    /// megabytes.
    ///
    /// Short keys: see [`crate::msgpack`].
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

    /// The role in which resources are allocated.
    pub struct AllocationInfo("AllocationInfo") {
        role as "r": Option<String>,
    }

    /// For which role resources are reserved, and by whom.
    pub struct ReservationInfo("ReservationInfo") {
        r#type as "t": Option<ReservationType>,
        role as "r": Option<String>,
        principal as "p": Option<String>,
        labels as "l": Option<Box<Labels>>,
    }

    /// What a disk resource is, beyond its size.
    pub struct DiskInfo("DiskInfo") {
        persistence: Option<Persistence>,
        volume: Option<Volume>,
        source: Option<DiskSource>,
    }

    /// The id of a persistent volume, unique in its role on its agent.
    pub struct Persistence("Persistence") {
        id: String,
        principal: Option<String>,
    }

    /// Where disk space comes from, if not from the agent's work directory.
    pub struct DiskSource("Source") {
        r#type: DiskSourceType,
        path: Option<DiskSourcePath>,
        mount: Option<DiskSourceMount>,
        vendor: Option<String>,
        id: Option<String>,
        metadata: Option<Box<Labels>>,
        profile: Option<String>,
    }

    /// A folder, whose space can be split.
    pub struct DiskSourcePath("Path") {
        root: Option<String>,
    }

    /// A whole file system, which is not split.
    pub struct DiskSourceMount("Mount") {
        root: Option<String>,
    }

    /// The resource may be taken back at any time.
    pub struct RevocableInfo("RevocableInfo") {
    }

    /// Several tasks may use the resource at once.
    pub struct SharedInfo("SharedInfo") {
    }
}

wire_enum! {
    /// Who can undo a reservation: nobody while the agent runs, or whoever may.
    pub enum ReservationType {
        Unknown = "UNKNOWN" (0),
        Static = "STATIC" (1),
        Dynamic = "DYNAMIC" (2),
    }

    /// What a [`DiskSource`] is.
    pub enum DiskSourceType {
        Unknown = "UNKNOWN" (0),
        Path = "PATH" (1),
        Mount = "MOUNT" (2),
        Block = "BLOCK" (3),
        Raw = "RAW" (4),
    }
}
