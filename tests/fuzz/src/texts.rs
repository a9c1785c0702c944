//! Short texts that strangers send or operators write: names of processes, paths and queries of
//! requests, headers, durations and sizes.

use libprocess::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use libprocess::http::{MediaType, Method, Request};
use libprocess::units::{Bytes, format_duration, parse_duration};
use libprocess::Upid;
use mesos::role;

use crate::memory::bounded;

/// A query of one octet a parameter is a pair of texts for every octet.
const FACTOR: usize = 256;

/// Reads any text as all of these.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    bounded(input, FACTOR, || {
        if let Ok(upid) = text.parse::<Upid>() {
            let again: Upid = upid.to_string().parse().expect("what was printed can be read");
            assert_eq!(again, upid);
        }
        if let Ok(duration) = parse_duration(&text) {
            let printed = format_duration(duration);
            let again = parse_duration(&printed).expect("what was printed can be read");
            assert_eq!(format_duration(again), printed);
        }
        if let Ok(size) = text.parse::<Bytes>() {
            let printed = size.to_string();
            assert_eq!(printed.parse::<Bytes>(), Ok(size), "{printed}");
        }
        let _ = role::validate(&text);
        request(&text, input);
    });
}

fn request(text: &str, input: &[u8]) {
    let mut request = Request::new(Method::POST, text);
    for name in [ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE] {
        if let Ok(value) = HeaderValue::from_bytes(input) {
            request.headers.insert(name, value);
        }
    }
    let _ = MediaType::of_body(&request);
    let _ = MediaType::accepted(&request);
    let quality = request.quality("application/json");
    assert!((0.0..=1.0).contains(&quality), "{text:?}: {quality}");
    let _ = request.accepts_encoding("gzip");
    let _ = (request.rest().len(), request.query.iter().count());
    request.body = input.to_vec().into();
    let _ = request.form();
}
