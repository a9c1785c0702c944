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
}

impl MediaType {
    /// Its name in headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Msgpack => "application/msgpack",
        }
    }

    /// The media type of a request's body. Parameters are refused, as Mesos does.
    ///
    /// # Errors
    /// The answer to a request whose body is of none of the types.
    pub fn of_body(request: &Request) -> Result<Self, Box<Response>> {
        match request.header(CONTENT_TYPE) {
            Some("application/json") => Ok(Self::Json),
            Some("application/msgpack" | "application/x-msgpack") => Ok(Self::Msgpack),
            Some(_) => Err(Box::new(Response::unsupported_media_type(
                "Expecting 'Content-Type' of application/json or application/msgpack",
            ))),
            None => Err(Box::new(Response::bad_request("Expecting 'Content-Type' to be present"))),
        }
    }

    /// The media type that a client likes best for the answer; JSON if it does not care.
    ///
    /// # Errors
    /// The answer to a client that takes none of the types.
    pub fn accepted(request: &Request) -> Result<Self, Box<Response>> {
        let json = request.quality(Self::Json.name());
        let msgpack =
            request.quality(Self::Msgpack.name()).max(request.quality("application/x-msgpack"));
        match (json > 0.0, msgpack > 0.0) {
            (true, true) if msgpack > json => Ok(Self::Msgpack),
            (true, _) => Ok(Self::Json),
            (false, true) => Ok(Self::Msgpack),
            (false, false) => Err(Box::new(Response::not_acceptable(
                "Expecting 'Accept' to allow 'application/msgpack' or 'application/json'",
            ))),
        }
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
        assert_eq!(of("application/json;q=0").unwrap_err().status.as_u16(), 406);
        assert_eq!(of("text/html").unwrap_err().status.as_u16(), 406);
        let any = MediaType::accepted(&Request::new(Method::POST, "/"));
        assert_eq!(any.unwrap(), MediaType::Json);
    }
}
