//! Which master to ask next.
//!
//! A framework is given the addresses of some masters. Any of them answers, but only the leading
//! one accepts; the others redirect to it. So the addresses are tried in turn, and a redirection
//! is followed at once, as long as redirections do not go round in circles.

use crate::error::DriverError;

/// The port of a master when none is given.
const DEFAULT_PORT: u16 = 5050;

/// How many redirections in a row are followed before the driver waits.
const REDIRECTIONS: usize = 5;

/// The masters of one cluster, as far as they are known.
#[derive(Debug)]
pub(crate) struct Masters {
    /// `host:port` of those that were configured, at least one.
    configured: Vec<String>,
    next: usize,
    /// Where the last redirection points.
    leader: Option<String>,
    redirections: usize,
}

impl Masters {
    /// See [`master_addresses`].
    pub(crate) fn parse(text: &str) -> Result<Self, DriverError> {
        let configured = master_addresses(text)?;
        Ok(Self { configured, next: 0, leader: None, redirections: 0 })
    }

    /// The master to ask now.
    pub(crate) fn current(&self) -> &str {
        match &self.leader {
            Some(leader) => leader,
            None => &self.configured[self.next],
        }
    }

    /// Follows a redirection. False when there were too many in a row, so that it is time to wait.
    pub(crate) fn redirect(&mut self, location: &str) -> bool {
        self.redirections += 1;
        match authority(location) {
            Some(leader) if self.redirections <= REDIRECTIONS => {
                self.leader = Some(leader.to_owned());
                true
            }
            _ => {
                self.failed();
                false
            }
        }
    }

    /// The current master is of no use: the next attempt goes to the next configured one.
    pub(crate) fn failed(&mut self) {
        self.redirections = 0;
        if self.leader.take().is_none() {
            self.next = (self.next + 1) % self.configured.len();
        }
    }

    /// The current master is the leading one.
    pub(crate) fn accepted(&mut self) {
        self.redirections = 0;
    }

    /// All configured addresses, for messages.
    pub(crate) fn describe(&self) -> String {
        self.configured.join(", ")
    }
}

/// The addresses of masters as users write them, `host:port` or `host`, several joined by commas:
/// each as `host:port`, and at least one.
///
/// # Errors
/// [`DriverError::Master`] says what is wrong.
pub fn master_addresses(text: &str) -> Result<Vec<String>, DriverError> {
    let wrong = |reason| DriverError::Master { text: text.to_owned(), reason };
    if text.starts_with("zk://") {
        return Err(wrong(
            "finding the leader in ZooKeeper is not supported yet; list the masters instead, as \
             host1:5050,host2:5050",
        ));
    }
    let addresses = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| address(part).map_err(wrong))
        .collect::<Result<Vec<_>, _>>()?;
    match addresses.is_empty() {
        true => Err(wrong("it is empty; give host:port")),
        false => Ok(addresses),
    }
}

/// `host:port` out of what a user writes.
fn address(text: &str) -> Result<String, &'static str> {
    let text = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    if text.starts_with("https://") {
        return Err("TLS is not supported yet; give host:port");
    }
    if text.is_empty() || text.contains(['/', ' ', '@', '?', '#']) {
        return Err("give host:port, or several of them joined by commas");
    }
    let bare_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
    match text.rsplit_once(':') {
        _ if bare_v6 => Ok(format!("[{text}]:{DEFAULT_PORT}")),
        Some((host, port)) if !host.is_empty() && !text.ends_with(']') => match port.parse() {
            Ok(0) | Err(_) => Err("the port must be a number from 1 to 65535"),
            Ok(1u16..) => Ok(text.to_owned()),
        },
        Some((_, _)) if !text.ends_with(']') => Err("there is no host before the port"),
        _ => Ok(format!("{text}:{DEFAULT_PORT}")),
    }
}

/// `host:port` out of a `Location`: `//host:port/path`, or with a scheme.
fn authority(location: &str) -> Option<&str> {
    let rest = location.strip_prefix("http:").unwrap_or(location).strip_prefix("//")?;
    let authority = rest.split(['/', '?']).next()?;
    (!authority.is_empty()).then_some(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_users_write_them() {
        let masters = |text| Masters::parse(text).map(|masters| masters.describe());
        assert_eq!(masters("10.0.0.1:5051").unwrap(), "10.0.0.1:5051");
        assert_eq!(masters("http://a:1/, b").unwrap(), "a:1, b:5050");
        assert_eq!(masters("::1").unwrap(), "[::1]:5050");
        assert_eq!(masters("[::1]:99").unwrap(), "[::1]:99");
        for wrong in ["", ",", "a:b", "a:0", ":5050", "zk://a:2181/mesos", "a/b", "https://a:1"] {
            assert!(masters(wrong).is_err(), "{wrong}");
        }
        let error = masters("a:70000").unwrap_err().to_string();
        assert!(error.contains("'a:70000'") && error.contains("65535"), "{error}");
    }

    #[test]
    fn redirections_are_followed_but_not_in_circles() {
        let mut masters = Masters::parse("a,b").unwrap();
        assert_eq!(masters.current(), "a:5050");
        for _ in 0..REDIRECTIONS {
            assert!(masters.redirect("//c:7/master/api/v1/scheduler"));
            assert_eq!(masters.current(), "c:7");
        }
        assert!(!masters.redirect("//c:7/"));
        assert_eq!(masters.current(), "a:5050", "the configured masters are asked again");
        masters.failed();
        assert_eq!(masters.current(), "b:5050");
        assert!(!masters.redirect("nonsense"));
        assert_eq!(masters.current(), "a:5050");
    }

    #[test]
    fn a_leader_that_fails_is_forgotten() {
        let mut masters = Masters::parse("a,b").unwrap();
        assert!(masters.redirect("http://c:7"));
        masters.accepted();
        masters.failed();
        assert_eq!(masters.current(), "a:5050");
    }
}
