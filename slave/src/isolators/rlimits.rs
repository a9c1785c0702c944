//! `posix/rlimits`: the limits of `setrlimit(2)` that a container asks for (row IS-31).

use libprocess::subprocess::{ChildHook, Resource};
use mesos::container::{RLimit, RLimitType};

use super::places::refused;
use super::{Class, Container, Isolator, IsolatorError, Preparation};

/// The isolator.
#[derive(Debug, Default)]
pub struct Rlimits;

impl Isolator for Rlimits {
    fn name(&self) -> &'static str {
        "posix/rlimits"
    }

    fn holds(&self) -> bool {
        false
    }

    fn handles(&self, _: Class) -> bool {
        true
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        let limits = container.info.as_ref().and_then(|info| info.rlimit_info.as_ref());
        let limits = limits.into_iter().flat_map(|info| &info.rlimits);
        // As long as the child is root it may raise what is hard, too.
        let hooks = limits.map(hook).collect::<Result<_, _>>()?;
        Ok(Preparation { hooks, ..Preparation::default() })
    }
}

fn hook(limit: &RLimit) -> Result<ChildHook, IsolatorError> {
    let kind = limit.r#type.unwrap_or(RLimitType::Unknown);
    let Some(resource) = resource(kind) else {
        return refused("Invalid rlimit: the type of the resource is not known");
    };
    let unlimited = nix::libc::RLIM_INFINITY;
    match (limit.soft, limit.hard) {
        (None, None) => Ok(ChildHook::Rlimit { resource, soft: unlimited, hard: unlimited }),
        (Some(soft), Some(hard)) if soft <= hard => Ok(ChildHook::Rlimit { resource, soft, hard }),
        _ => refused(format!(
            "the limits of '{}' need a soft and a hard limit, the soft one not above the other",
            kind.as_str()
        )),
    }
}

fn resource(kind: RLimitType) -> Option<Resource> {
    Some(match kind {
        RLimitType::Unknown => return None,
        RLimitType::As => Resource::RLIMIT_AS,
        RLimitType::Core => Resource::RLIMIT_CORE,
        RLimitType::Cpu => Resource::RLIMIT_CPU,
        RLimitType::Data => Resource::RLIMIT_DATA,
        RLimitType::Fsize => Resource::RLIMIT_FSIZE,
        RLimitType::Locks => Resource::RLIMIT_LOCKS,
        RLimitType::Memlock => Resource::RLIMIT_MEMLOCK,
        RLimitType::Msgqueue => Resource::RLIMIT_MSGQUEUE,
        RLimitType::Nice => Resource::RLIMIT_NICE,
        RLimitType::Nofile => Resource::RLIMIT_NOFILE,
        RLimitType::Nproc => Resource::RLIMIT_NPROC,
        RLimitType::Rss => Resource::RLIMIT_RSS,
        RLimitType::Rtprio => Resource::RLIMIT_RTPRIO,
        RLimitType::Rttime => Resource::RLIMIT_RTTIME,
        RLimitType::Sigpending => Resource::RLIMIT_SIGPENDING,
        RLimitType::Stack => Resource::RLIMIT_STACK,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolators::testing::{container, run};
    use mesos::container::{ContainerInfo, RLimitInfo};

    fn prepare(limits: Vec<RLimit>) -> Result<Preparation, IsolatorError> {
        let mut made = container("c", "cpus:1");
        let rlimit_info = Some(RLimitInfo { rlimits: limits });
        made.info = Some(Box::new(ContainerInfo { rlimit_info, ..ContainerInfo::default() }));
        Rlimits.prepare(&made)
    }

    fn limit(kind: RLimitType, soft: Option<u64>, hard: Option<u64>) -> RLimit {
        RLimit { r#type: Some(kind), soft, hard }
    }

    #[test]
    fn limits_are_in_force() {
        let preparation = prepare(vec![
            limit(RLimitType::Nofile, Some(33), Some(44)),
            limit(RLimitType::Core, Some(0), Some(1024)),
        ]);
        let (text, fine) = run("ulimit -Sn; ulimit -Hn; ulimit -Sc", preparation.unwrap());
        assert_eq!((text.as_str(), fine), ("33\n44\n0\n", true));
        let preparation = Rlimits.prepare(&container("c", "cpus:1")).unwrap();
        assert!(preparation.hooks.is_empty());
    }

    #[test]
    fn without_bounds_there_is_no_limit() {
        let preparation = prepare(vec![limit(RLimitType::Cpu, None, None)]).unwrap();
        assert!(matches!(
            preparation.hooks.as_slice(),
            [ChildHook::Rlimit { soft: u64::MAX, hard: u64::MAX, .. }]
        ));
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        for (soft, hard) in [(Some(2), Some(1)), (Some(1), None), (None, Some(1))] {
            let error = prepare(vec![limit(RLimitType::Stack, soft, hard)]).unwrap_err();
            assert!(error.to_string().starts_with("the limits of 'RLMT_STACK' need"), "{error}");
        }
        assert!(prepare(vec![limit(RLimitType::Unknown, None, None)]).is_err());
        assert!(prepare(vec![RLimit { r#type: None, soft: None, hard: None }]).is_err());
    }
}
