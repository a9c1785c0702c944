//! Quota and rate limits.

use std::collections::BTreeMap;

use crate::message;
use crate::resource::Resource;
use crate::value::Scalar;

message! {
    /// Mesos's `RateLimit`.
    pub struct RateLimit("RateLimit") {
        qps: Option<f64>,
        principal: String,
        capacity: Option<u64>,
    }

    /// Mesos's `RateLimits`.
    pub struct RateLimits("RateLimits") {
        limits: Vec<RateLimit>,
        aggregate_default_qps: Option<f64>,
        aggregate_default_capacity: Option<u64>,
    }

    /// Mesos's `QuotaInfo`.
    pub struct QuotaInfo("QuotaInfo") {
        role: Option<String>,
        principal: Option<String>,
        guarantee: Vec<Resource>,
    }

    /// Mesos's `QuotaRequest`.
    pub struct QuotaRequest("QuotaRequest") {
        force: Option<bool>,
        role: Option<String>,
        guarantee: Vec<Resource>,
    }

    /// Mesos's `QuotaConfig`.
    pub struct QuotaConfig("QuotaConfig") {
        role: String,
        guarantees: BTreeMap<String, Scalar>,
        limits: BTreeMap<String, Scalar>,
    }

    /// Mesos's `QuotaStatus`.
    pub struct QuotaStatus("QuotaStatus") {
        infos: Vec<QuotaInfo>,
        configs: Vec<QuotaConfig>,
    }
}
