//! The media types in which structured bodies come and go: JSON, and MessagePack of the same data.

use super::{Request, Response};
use hyper::header::CONTENT_TYPE;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediaType {
    /// `application/json`.
    Json,
    /// `application/msgpack`.
    Msgpack,
    /// `application/vnd.mesos.short+msgpack`: MessagePack in which frequent fields have short keys.
    MsgpackShort,
}

impl MediaType {
    /// Its name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Msgpack => "application/msgpack",
            Self::MsgpackShort => "application/vnd.mesos.short+msgpack",
        }
    }

    /// The media type with this name. Parameters are refused, as Mesos does.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "application/json" => Some(Self::Json),
            "application/msgpack" | "application/x-msgpack" => Some(Self::Msgpack),
            "application/vnd.mesos.short+msgpack" => Some(Self::MsgpackShort),
            _ => None,
        }
    }

    /// The media type that a client likes best for the answer, and the first of those that it likes
    /// equally: JSON if it does not care. None if it takes none.
    pub fn preferred(request: &Request) -> Option<Self> {
        let mut best = (None, 0.0);
        for media in [Self::Json, Self::Msgpack, Self::MsgpackShort] {
            let mut quality = request.quality(media.name());
            if media == Self::Msgpack {
                quality = quality.max(request.quality("application/x-msgpack"));
            }
            if quality > best.1 {
                best = (Some(media), quality);
            }
        }
        best.0
    }

    /// The media type of a request's body.
    ///
    /// # Errors
    /// The answer to a request whose body is of none of the types.
    pub fn of_body(request: &Request) -> Result<Self, Box<Response>> {
        let name = request.header(CONTENT_TYPE).ok_or_else(|| {
            Box::new(Response::bad_request("Expecting 'Content-Type' to be present"))
        })?;
        Self::named(name).ok_or_else(|| {
            Box::new(Response::unsupported_media_type(
                "Expecting 'Content-Type' of application/json or application/msgpack",
            ))
        })
    }

    /// The [preferred](Self::preferred) media type of a client.
    ///
    /// # Errors
    /// The answer to a client that takes none of the types.
    pub fn accepted(request: &Request) -> Result<Self, Box<Response>> {
        Self::preferred(request).ok_or_else(|| {
            Box::new(Response::not_acceptable(
                "Expecting 'Accept' to allow 'application/msgpack' or 'application/json'",
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;
    use hyper::header::{ACCEPT, HeaderName, HeaderValue};

    fn request(name: HeaderName, value: &'static str) -> Request {
        let mut request = Request::new(Method::POST, "/api/v1");
        request.headers.insert(name, HeaderValue::from_static(value));
        request
    }

    #[test]
    fn the_body_has_one_of_two_types() {
        let of = |value| MediaType::of_body(&request(CONTENT_TYPE, value));
        assert_eq!(of("application/json").unwrap(), MediaType::Json);
        assert_eq!(of("application/msgpack").unwrap(), MediaType::Msgpack);
        let short = "application/vnd.mesos.short+msgpack";
        assert_eq!(of(short).unwrap(), MediaType::MsgpackShort);
        assert_eq!(of("application/json; charset=utf-8").unwrap_err().status.as_u16(), 415);
        let none = MediaType::of_body(&Request::new(Method::POST, "/"));
        assert_eq!(none.unwrap_err().body_text(), Some("Expecting 'Content-Type' to be present"));
    }

    #[test]
    fn the_client_chooses_the_answer_s_type() {
        let of = |value| MediaType::accepted(&request(ACCEPT, value));
        assert_eq!(of("*/*").unwrap(), MediaType::Json);
        assert_eq!(of("application/msgpack").unwrap(), MediaType::Msgpack);
        assert_eq!(of("application/json;q=0.5, application/msgpack").unwrap(), MediaType::Msgpack);
        let short = "application/msgpack;q=0.9, application/vnd.mesos.short+msgpack";
        assert_eq!(of(short).unwrap(), MediaType::MsgpackShort);
        assert_eq!(of("application/x-msgpack").unwrap(), MediaType::Msgpack);
        assert_eq!(of("application/json;q=0").unwrap_err().status.as_u16(), 406);
        assert_eq!(of("text/html").unwrap_err().status.as_u16(), 406);
        let any = MediaType::accepted(&Request::new(Method::POST, "/"));
        assert_eq!(any.unwrap(), MediaType::Json);
    }
}
