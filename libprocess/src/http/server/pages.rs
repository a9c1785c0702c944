//! Help pages: markdown, the same as HTML for browsers, or JSON (LP-18).

use super::Endpoint;
use crate::http::{Request, Response};
use hyper::header::ACCEPT;
use serde_json::json;
use std::fmt::Write as _;

/// The endpoints of each process, by id.
type Processes = [(String, Vec<Endpoint>)];

/// The page about everything, one process, or one endpoint.
pub(super) fn help(
    request: &Request,
    processes: &Processes,
    process: Option<&str>,
    endpoint: Option<&str>,
) -> Response {
    let Some(process) = process else {
        return render(request, &overview(processes), || all_json(processes));
    };
    let Some((id, endpoints)) = processes.iter().find(|(id, _)| id == process) else {
        return Response::bad_request(format!(
            "No help available for '/{process}'. Try '/help'.\n"
        ));
    };
    let Some(path) = endpoint else {
        let page = process_page(id, endpoints);
        return render(request, &page, || process_json(id, endpoints));
    };
    match endpoints.iter().find(|endpoint| endpoint.path == path) {
        Some(endpoint) => {
            let page = endpoint.help.markdown(&format!("/{id}{path}"));
            render(request, &page, || endpoint_json(id, endpoint))
        }
        None => Response::bad_request(format!(
            "No help available for '/{process}{path}'. Try '/help/{process}'.\n"
        )),
    }
}

fn overview(processes: &Processes) -> String {
    let mut page = String::from("# HELP #\n\n");
    for (id, endpoints) in processes {
        let _ = writeln!(page, "## [/{id}](/help/{id}) ##\n");
        for endpoint in endpoints {
            let path = &endpoint.path;
            let _ = writeln!(page, "- [/{id}{path}](/help/{id}{path}) {}", endpoint.help.tldr);
        }
        page.push('\n');
    }
    page
}

fn process_page(id: &str, endpoints: &[Endpoint]) -> String {
    let mut page = format!("# /{id} #\n\n");
    for endpoint in endpoints {
        let path = &endpoint.path;
        let _ = writeln!(page, "- [/{id}{path}](/help/{id}{path}) {}", endpoint.help.tldr);
    }
    page
}

fn endpoint_json(id: &str, endpoint: &Endpoint) -> serde_json::Value {
    let path = &endpoint.path;
    json!({"name": path, "text": endpoint.help.markdown(&format!("/{id}{path}"))})
}

fn process_json(id: &str, endpoints: &[Endpoint]) -> serde_json::Value {
    let endpoints: Vec<_> = endpoints.iter().map(|endpoint| endpoint_json(id, endpoint)).collect();
    json!({"id": id, "endpoints": endpoints})
}

fn all_json(processes: &Processes) -> serde_json::Value {
    let processes: Vec<_> =
        processes.iter().map(|(id, endpoints)| process_json(id, endpoints)).collect();
    json!({"processes": processes})
}

fn render(request: &Request, markdown: &str, json: impl Fn() -> serde_json::Value) -> Response {
    if request.query("format") == Some("json") {
        return Response::json(&json());
    }
    // Every client "accepts" HTML by saying nothing; only browsers name it.
    if request.header(ACCEPT).is_some_and(|accept| accept.contains("text/html")) {
        return Response::ok().with_body("text/html; charset=utf-8", html(markdown));
    }
    Response::ok().with_body("text/x-markdown; charset=utf-8", markdown.to_owned())
}

/// The few forms of markdown that help pages use, as HTML.
fn html(markdown: &str) -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Help</title>\n\
         <style>body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
         pre{background:#f4f4f4;padding:.5em}</style></head><body>\n",
    );
    for line in markdown.lines() {
        let level = line.chars().take_while(|c| *c == '#').count();
        let line = line.trim_end();
        let _ = if (1..=6).contains(&level) {
            let text = inline(line.trim_matches('#').trim());
            writeln!(page, "<h{level}>{text}</h{level}>")
        } else if let Some(item) = line.strip_prefix("- ") {
            writeln!(page, "<li>{}</li>", inline(item))
        } else if let Some(code) = line.strip_prefix('>') {
            writeln!(page, "<pre>{}</pre>", escape(code.trim_start()))
        } else if line.is_empty() {
            Ok(())
        } else {
            writeln!(page, "<p>{}</p>", inline(line))
        };
    }
    page.push_str("</body></html>\n");
    page
}

/// Escapes a line and turns `[text](/path)` into links. A process id may hold parentheses, so a
/// link ends at the last one before a space or the end of the line.
fn inline(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('[') {
        let Some(middle) = rest[start..].find("](").map(|at| start + at) else { break };
        let after = &rest[middle + 2..];
        let word = after.find(' ').unwrap_or(after.len());
        let Some(end) = after[..word].rfind(')') else { break };
        let _ = write!(
            text,
            "{}<a href=\"{}\">{}</a>",
            escape(&rest[..start]),
            escape(&after[..end]),
            escape(&rest[start + 1..middle])
        );
        rest = &after[end + 1..];
    }
    text + &escape(rest)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Help, Method, StatusCode};

    fn processes() -> Vec<(String, Vec<Endpoint>)> {
        let help = Help::new("Shows <everything>.").description("See [docs](/docs).");
        vec![("slave(1)".to_owned(), vec![Endpoint { path: "/state".to_owned(), help }])]
    }

    fn page(target: &str, process: Option<&str>, endpoint: Option<&str>) -> (StatusCode, String) {
        let mut request = Request::new(Method::GET, target);
        if target.contains("browser") {
            request.headers.insert(ACCEPT, "text/html,*/*;q=0.8".parse().unwrap());
        }
        let response = help(&request, &processes(), process, endpoint);
        (response.status, response.body_text().unwrap_or("").to_owned())
    }

    #[test]
    fn three_levels_of_pages() {
        assert!(page("/help", None, None).1.contains("[/slave(1)](/help/slave(1))"));
        assert!(page("/help", Some("slave(1)"), None).1.contains("- [/slave(1)/state]"));
        let endpoint = page("/help", Some("slave(1)"), Some("/state")).1;
        assert!(endpoint.contains("### TL;DR; ###\nShows <everything>."), "{endpoint}");
        assert_eq!(page("/help", Some("x"), None).0, StatusCode::BAD_REQUEST);
        assert_eq!(page("/help", Some("slave(1)"), Some("/x")).0, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn browsers_get_html() {
        let (_, text) = page("/help?browser", Some("slave(1)"), None);
        assert!(text.contains("<a href=\"/help/slave(1)/state\">/slave(1)/state</a>"), "{text}");
        assert!(text.contains("Shows &lt;everything&gt;."), "{text}");
    }

    #[test]
    fn json_on_request() {
        let (_, text) = page("/help?format=json", None, None);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["processes"][0]["id"], "slave(1)");
        assert_eq!(json["processes"][0]["endpoints"][0]["name"], "/state");
    }
}
