//! The rules of the algebra, by example. `tests/resources.rs` has its laws, by property.

use super::*;

fn resources(text: &str) -> Resources {
    Resources::parse(text, "*").unwrap()
}

#[test]
fn text_parses_and_prints() {
    for text in ["cpus:4; mem:4096; disk:10000; ports:[31000-32000]", "{}", "zones:{a, b}"] {
        let text = if text == "{}" { "" } else { text };
        let parsed = resources(text);
        assert_eq!(parsed.to_string(), if text.is_empty() { "{}" } else { text });
    }
    assert_eq!(
        resources("cpus(prod):1;mem:64;cpus:0").to_string(),
        "cpus(reservations: [(STATIC,prod)]):1; mem:64"
    );
}
