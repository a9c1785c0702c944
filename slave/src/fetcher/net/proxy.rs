//! Which proxy leads to a server, by the variables of the environment (row FE-05).
//!
//! The rules are curl's: `http_proxy` counts in lower case only, since a web server that runs
//! scripts sets `HTTP_PROXY` to what its visitors like; the others, `https_proxy`, `all_proxy` and
//! `no_proxy`, count in capitals too. `no_proxy` is a list of domains with all that is in them, of
//! addresses, of networks (`10.0.0.0/8`), or `*`.

use std::net::IpAddr;

use super::NetError;
use crate::fetcher::retrieve::plain;
use url::{Host, Url};

/// The port of a proxy that names none.
const DEFAULT_PORT: u16 = 1080;

/// A proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// Name and password.
    pub credentials: Option<(String, String)>,
}

/// The proxy for a URL; `variable` looks into the environment.
///
/// # Errors
/// A variable names something that is no proxy, or one of a kind that is not supported.
pub fn find(
    url: &Url,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, NetError> {
    let names: &[&str] = match url.scheme() {
        "http" => &["http_proxy", "all_proxy", "ALL_PROXY"],
        _ => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, set(name)?))) else {
        return Ok(None);
    };
    let exempt = set(&"no_proxy").or_else(|| set(&"NO_PROXY")).unwrap_or_default();
    if url.host().is_some_and(|host| is_exempt(&host, &exempt)) {
        return Ok(None);
    }
    parse(&value).map(Some).ok_or_else(|| NetError::Proxy {
        name: name.to_owned(),
        value: plain(&with_scheme(&value)),
    })
}

fn with_scheme(value: &str) -> String {
    if value.contains("://") { value.to_owned() } else { format!("http://{value}") }
}

fn parse(value: &str) -> Option<Proxy> {
    let text = with_scheme(value);
    let url = Url::parse(&text).ok()?;
    let tls = match url.scheme() {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    // A port that is the scheme's own is left out by the parser.
    let written = text.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let is_written = written.rsplit_once(':').is_some_and(|(_, port)| {
        !port.is_empty() && port.chars().all(|character| character.is_ascii_digit())
    });
    let port = if is_written { url.port_or_known_default()? } else { DEFAULT_PORT };
    Some(Proxy { host: host_of(&url)?, port, tls, credentials: credentials_of(&url) })
}

/// The host of a URL, as the system's resolver wants it.
pub fn host_of(url: &Url) -> Option<String> {
    Some(match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    })
}

/// Name and password in a URL.
pub fn credentials_of(url: &Url) -> Option<(String, String)> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into();
    let password = url.password().unwrap_or_default();
    (!url.username().is_empty()).then(|| (decode(url.username()), decode(password)))
}

fn is_exempt(host: &Host<&str>, exempt: &str) -> bool {
    let entries = exempt.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
    entries.into_iter().any(|entry| match host {
        _ if entry == "*" => true,
        Host::Domain(name) => {
            let domain = entry.trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase();
            let name = name.trim_end_matches('.');
            name.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        Host::Ipv4(address) => is_in(IpAddr::V4(*address), entry),
        Host::Ipv6(address) => is_in(IpAddr::V6(*address), entry),
    })
}

/// Whether an address is in a network, or is the address.
fn is_in(address: IpAddr, entry: &str) -> bool {
    let (network, length) = match entry.split_once('/') {
        Some((network, length)) => (network, length.parse::<u32>().ok()),
        None => (entry, Some(128)),
    };
    let network = network.trim_matches(['[', ']']).parse::<IpAddr>();
    match (address, network, length) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network)), Some(length)) => {
            let differ = u32::from(address) ^ u32::from(network);
            differ.leading_zeros() >= length.min(32)
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network)), Some(length)) => {
            let differ = u128::from(address) ^ u128::from(network);
            differ.leading_zeros() >= length.min(128)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_of(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        let url = Url::parse(url).unwrap();
        let variable = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        find(&url, variable).unwrap().map(|proxy| format!("{}:{}", proxy.host, proxy.port))
    }

    #[test]
    fn each_scheme_has_its_variable_and_http_in_lower_case_only() {
        let cases: &[(&str, &[(&str, &str)], Option<&str>)] = &[
            ("http://h/", &[], None),
            ("http://h/", &[("http_proxy", "p:1")], Some("p:1")),
            ("http://h/", &[("HTTP_PROXY", "p:1")], None),
            ("http://h/", &[("https_proxy", "p:1")], None),
            ("https://h/", &[("http_proxy", "p:1")], None),
            ("https://h/", &[("https_proxy", "http://p:80")], Some("p:80")),
            ("https://h/", &[("HTTPS_PROXY", "p")], Some("p:1080")),
            ("https://h/", &[("https_proxy", "a:1"), ("HTTPS_PROXY", "b:1")], Some("a:1")),
            ("http://h/", &[("ALL_PROXY", "p:1")], Some("p:1")),
            ("http://h/", &[("http_proxy", ""), ("all_proxy", "p:1")], Some("p:1")),
        ];
        for (url, variables, expected) in cases {
            assert_eq!(proxy_of(url, variables).as_deref(), *expected, "{url} {variables:?}");
        }
    }

    #[test]
    fn some_hosts_need_no_proxy() {
        for (host, exempt, is_exempt) in [
            ("a.example.com", "example.com", true),
            ("example.com", "x, .example.com", true),
            ("notexample.com", "example.com", false),
            ("a.example.com", "A.EXAMPLE.COM", true),
            ("h", "*", true),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "2.3", false),
            ("[::1]", "::1", true),
            ("[fe80::1]", "fe80::/10", true),
            ("h", "", false),
        ] {
            let found = proxy_of(
                &format!("http://{host}/"),
                &[("http_proxy", "p:1"), ("no_proxy", exempt)],
            );
            assert_eq!(found.is_none(), is_exempt, "{host} {exempt}");
        }
        assert_eq!(proxy_of("http://h/", &[("http_proxy", "p:1"), ("NO_PROXY", "h")]), None);
    }

    #[test]
    fn a_proxy_may_want_a_password_and_must_be_known() {
        let proxy = parse("https://me:se%20cret@p:8443/").unwrap();
        assert_eq!(proxy.credentials, Some(("me".to_owned(), "se cret".to_owned())));
        assert!(proxy.tls && proxy.port == 8443);
        let url = Url::parse("http://h/").unwrap();
        let error = find(&url, |_| Some("socks5://p:1".to_owned())).unwrap_err();
        assert!(error.to_string().contains("socks5://p:1"), "{error}");
    }
}
