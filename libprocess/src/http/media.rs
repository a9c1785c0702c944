//! Negotiation: what an `Accept` or `Accept-Encoding` header allows.
//!
//! A header is a list of patterns with weights. The most specific pattern that matches decides,
//! and a weight of zero refuses. An absent `Accept` header accepts everything; an absent
//! `Accept-Encoding` accepts no encoding at all, since many clients cannot undo one.

/// How well `header`, the value of an `Accept` header, likes `media_type` (`application/json`).
///
/// Returns 0.0 when it is refused, up to 1.0 when it is preferred.
pub fn quality(header: &str, media_type: &str) -> f32 {
    let (wanted_type, wanted_subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    best(header, |pattern| {
        let (kind, subtype) = pattern.split_once('/').unwrap_or((pattern, "*"));
        if kind == "*" {
            Some(0)
        } else if !kind.eq_ignore_ascii_case(wanted_type) {
            None
        } else if subtype == "*" {
            Some(1)
        } else if subtype.eq_ignore_ascii_case(wanted_subtype) {
            Some(2)
        } else {
            None
        }
    })
}

/// How well `header`, the value of an `Accept-Encoding` header, likes `encoding` (`gzip`).
pub fn encoding_quality(header: &str, encoding: &str) -> f32 {
    best(header, |pattern| {
        if pattern == "*" {
            Some(0)
        } else if pattern.eq_ignore_ascii_case(encoding) {
            Some(1)
        } else {
            None
        }
    })
}

/// The media type of a `Content-Type` header, without its parameters, trimmed.
pub fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or("").trim()
}

fn best(header: &str, specificity: impl Fn(&str) -> Option<u8>) -> f32 {
    let mut found: Option<(u8, f32)> = None;
    for item in header.split(',') {
        let mut parts = item.split(';');
        let pattern = parts.next().unwrap_or("").trim();
        if pattern.is_empty() {
            continue;
        }
        let Some(rank) = specificity(pattern) else { continue };
        let weight = parts.find_map(weight).unwrap_or(1.0);
        match found {
            Some((known, _)) if known > rank => {}
            Some((known, other)) if known == rank && other >= weight => {}
            _ => found = Some((rank, weight)),
        }
    }
    found.map_or(0.0, |(_, weight)| weight)
}

/// The weight of a `q=0.5` parameter; an unreadable weight refuses, as the sender meant some limit.
fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let weight = value.trim().parse::<f32>().unwrap_or(0.0);
    Some(if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/json";

    #[test]
    fn exact_and_wild_patterns_match() {
        assert_eq!(quality("application/json", JSON), 1.0);
        assert_eq!(quality("Application/JSON", JSON), 1.0);
        assert_eq!(quality("*/*", JSON), 1.0);
        assert_eq!(quality("application/*", JSON), 1.0);
        assert_eq!(quality("*", JSON), 1.0);
        assert_eq!(quality("text/html, application/json;q=0.4", JSON), 0.4);
        assert_eq!(quality("text/html", JSON), 0.0);
        assert_eq!(quality("", JSON), 0.0);
    }

    #[test]
    fn the_most_specific_pattern_decides() {
        assert_eq!(quality("*/*, application/json;q=0", JSON), 0.0);
        assert_eq!(quality("application/json;q=0.3, */*;q=0.9", JSON), 0.3);
        assert_eq!(quality("application/*;q=0, */*", JSON), 0.0);
    }

    #[test]
    fn broken_weights_refuse() {
        assert_eq!(quality("application/json;q=abc", JSON), 0.0);
        assert_eq!(quality("application/json;q=NaN", JSON), 0.0);
        assert_eq!(quality("application/json;q=7", JSON), 1.0);
        assert_eq!(quality("application/json;v=1;q=0.5", JSON), 0.5);
    }

    #[test]
    fn encodings() {
        assert_eq!(encoding_quality("gzip, deflate", "gzip"), 1.0);
        assert_eq!(encoding_quality("gzip;q=0, *", "gzip"), 0.0);
        assert_eq!(encoding_quality("identity", "gzip"), 0.0);
        assert_eq!(encoding_quality("*;q=0.5", "gzip"), 0.5);
    }

    #[test]
    fn essence_drops_parameters() {
        assert_eq!(essence("application/json; charset=utf-8"), "application/json");
        assert_eq!(essence(" text/plain "), "text/plain");
    }
}
