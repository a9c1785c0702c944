//! Quota and rate limits.

use std::collections::BTreeMap;

use crate::message;
use crate::resource::Resource;
use crate::value::Scalar;

message! {
    /// How many messages a second the frameworks of a principal may send; beyond `capacity` waiting
    /// ones, messages are dropped.
    pub struct RateLimit("RateLimit") {
        qps: Option<f64>,
        principal: String,
        capacity: Option<u64>,
    }

    /// Rate limits of principals, and of all others together.
    pub struct RateLimits("RateLimits") {
        limits: Vec<RateLimit>,
        aggregate_default_qps: Option<f64>,
        aggregate_default_capacity: Option<u64>,
    }

    /// A guarantee of resources to a role, in its old form.
    pub struct QuotaInfo("QuotaInfo") {
        role: Option<String>,
        principal: Option<String>,
        guarantee: Vec<Resource>,
    }

    /// A request for a guarantee, in its old form. `force` skips the check that the cluster has it.
    pub struct QuotaRequest("QuotaRequest") {
        force: Option<bool>,
        role: Option<String>,
        guarantee: Vec<Resource>,
    }

    /// What a role is guaranteed, and what it may have at most.
    pub struct QuotaConfig("QuotaConfig") {
        role: String,
        guarantees: BTreeMap<String, Scalar>,
        limits: BTreeMap<String, Scalar>,
    }

    /// All quotas, in the old form and the new.
    pub struct QuotaStatus("QuotaStatus") {
        infos: Vec<QuotaInfo>,
        configs: Vec<QuotaConfig>,
    }
}
