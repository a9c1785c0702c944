//! Resources, attributes and values, as operators write them.

use mesos::json;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::value::{Value, parse_attributes};

use crate::memory::bounded;

/// What a resource may take for an octet of text: `a:1;` is four octets, and a struct with what
/// the sum keeps beside it.
const FACTOR: usize = 512;

/// Reads any text as resources, as attributes and as a value.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    bounded(input, FACTOR, || {
        for role in ["*", "role"] {
            if let Ok(resources) = Resources::parse(text, role) {
                sums(&resources);
            }
        }
        value(text);
        for attribute in parse_attributes(text).into_iter().flatten() {
            let _ = attribute.value().to_string();
        }
    });
}

/// Whatever the resources are: the sum is the same when it is written and read, it contains itself,
/// and nothing is left without itself.
fn sums(resources: &Resources) {
    let list = resources.to_vec();
    let written = json::to_string(&list);
    let read: Vec<Resource> =
        json::list_from_slice(written.as_bytes(), "Resource").expect("it was just written");
    let again = Resources::try_from_list(read).expect("what is valid stays valid");
    assert_eq!(&again, resources);
    assert!(resources.contains(resources), "{resources}");
    let mut rest = resources.clone();
    rest -= resources;
    assert!(rest.is_empty(), "{resources} without itself is {rest}");
    let mut twice = resources.clone();
    twice += resources;
    assert!(twice.contains(resources), "{twice} does not contain {resources}");
    let _ = resources.to_endpoint_vec();
    let _ = resources.to_v0_object();
    let _ = resources.quantities().to_string();
}

/// What a value prints as is a value of the same kind, and prints as the same again.
fn value(text: &str) {
    let Ok(value) = Value::parse(text) else { return };
    let printed = value.to_string();
    if let Ok(again) = Value::parse(&printed) {
        assert_eq!(again.r#type, value.r#type, "{text:?} prints as {printed:?}");
        assert_eq!(again.to_string(), printed);
    }
}
