//! A request as a handler sees it.

use super::pipe::BodyReader;
use super::{Principal, media};
use bytes::Bytes;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AsHeaderName, CONTENT_TYPE};
use hyper::{HeaderMap, Method};
use std::net::{Ipv4Addr, SocketAddr};

/// One HTTP request, its body collected unless the client streams it.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, percent-decoded, without the query: `/slave(1)/state`.
    pub path: String,
    /// The path as it was sent: `/slave%281%29/state`.
    pub raw_path: String,
    /// The part of `path` that chose the handler: `/slave(1)/state`. What follows it in `path` is
    /// the handler's to read, see [`Request::rest`].
    pub route: String,
    /// The query string, decoded.
    pub query: Query,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty when `stream` is there instead.
    pub body: Bytes,
    /// The body of a request whose content type is `application/recordio`: it may never end, so it
    /// is handed over while it arrives.
    pub stream: Option<BodyReader>,
    /// Where the request came from.
    pub peer: SocketAddr,
    /// Who sent it, when its route has a realm with an authenticator.
    pub principal: Option<Principal>,
}

impl Request {
    /// A request as if it had come from the wire; for tests and for calls within the process.
    ///
    /// `target` is a path with an optional query: `/master/state?jsonp=f`.
    pub fn new(method: Method, target: &str) -> Self {
        let (raw_path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = decode_path(raw_path);
        Self {
            method,
            route: path.clone(),
            path,
            raw_path: raw_path.to_owned(),
            query: Query::parse(query),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            stream: None,
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            principal: None,
        }
    }

    /// The value of the query parameter `name`; of several, the last.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name)
    }

    /// The value of a header, when it is there and is text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What follows the matched route in the path: `/x/y` for `/quota/x/y` on the route `/quota`,
    /// empty when the route is the whole path. Trailing slashes are kept.
    pub fn rest(&self) -> &str {
        self.path.strip_prefix(&self.route).unwrap_or("")
    }

    /// Whether the client takes an answer of `media_type`. No `Accept` header takes everything.
    pub fn accepts(&self, media_type: &str) -> bool {
        self.quality(media_type) > 0.0
    }

    /// How much the client likes an answer of `media_type`: 0.0 refuses, 1.0 is the best.
    pub fn quality(&self, media_type: &str) -> f32 {
        let mut values = self.headers.get_all(ACCEPT).iter().peekable();
        if values.peek().is_none() {
            return 1.0;
        }
        media::quality(&join(values.filter_map(|value| value.to_str().ok())), media_type)
    }

    /// Whether the client can undo `encoding`, for example `gzip`.
    pub fn accepts_encoding(&self, encoding: &str) -> bool {
        let values = self.headers.get_all(ACCEPT_ENCODING).iter();
        let header = join(values.filter_map(|value| value.to_str().ok()));
        media::encoding_quality(&header, encoding) > 0.0
    }

    /// The media type of the body without parameters, as it was sent.
    pub fn content_type(&self) -> Option<&str> {
        self.header(CONTENT_TYPE).map(media::essence)
    }

    /// The body read as an HTML form (`frameworkId=…&x=…`), whatever its content type.
    pub fn form(&self) -> Query {
        Query::parse_bytes(&self.body)
    }
}

fn join<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.collect::<Vec<_>>().join(",")
}

/// Percent-decodes a path. `+` stays a plus; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn decode_path(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// Names with values, in the order sent; a name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads `a=1&b=2`, undoing percent-encoding and `+`. Never fails: odd input gives odd names.
    pub fn parse(text: &str) -> Self {
        Self::parse_bytes(text.as_bytes())
    }

    fn parse_bytes(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self { pairs }
    }

    /// The value of `name`; of several, the last.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn paths_are_decoded_and_split_from_the_query() {
        let request = Request::new(Method::GET, "/slave%281%29/state+x?a=1&b=%20y+z&a=2");
        assert_eq!(request.path, "/slave(1)/state+x");
        assert_eq!(request.raw_path, "/slave%281%29/state+x");
        assert_eq!(request.query("a"), Some("2"));
        assert_eq!(request.query("b"), Some(" y z"));
        assert_eq!(request.query("c"), None);
        assert_eq!(request.query.get_all("a").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn rest_is_what_follows_the_route() {
        let mut request = Request::new(Method::DELETE, "/quota/role%2Fx");
        request.route = "/quota".to_owned();
        assert_eq!(request.rest(), "/role/x");
    }

    #[test]
    fn no_accept_header_takes_everything() {
        let mut request = Request::new(Method::GET, "/");
        assert!(request.accepts("application/json"));
        request.headers.append(ACCEPT, HeaderValue::from_static("text/html"));
        assert!(!request.accepts("application/json"));
        request.headers.append(ACCEPT, HeaderValue::from_static("application/json;q=0.1"));
        assert!(request.accepts("application/json"));
    }

    #[test]
    fn gzip_must_be_asked_for() {
        let mut request = Request::new(Method::GET, "/");
        assert!(!request.accepts_encoding("gzip"));
        request.headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br"));
        assert!(request.accepts_encoding("gzip"));
    }

    #[test]
    fn forms_are_read_from_the_body() {
        let mut request = Request::new(Method::POST, "/teardown");
        request.body = Bytes::from_static(b"frameworkId=a%2Fb&x");
        assert_eq!(request.form().get("frameworkId"), Some("a/b"));
        assert_eq!(request.form().get("x"), Some(""));
    }
}
