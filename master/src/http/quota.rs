//! `/quota` (row OI-05). Quota is not built yet: none is set, what is malformed is refused in
//! Mesos's words, and what is good is answered with 501.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use mesos::json::{self, JsonError};
use mesos::quota::{QuotaRequest, QuotaStatus};
use mesos::v1::master::CallType;

use super::{Realm, named_path, operator, route_leader};
use crate::process::MasterProcess;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let help = Help::new("Gets or updates quota for roles.")
        .description("GET: Returns the currently set quotas as JSON.")
        .description("POST, DELETE: Answered with 501 until they are built.")
        .authentication(true);
    route_leader(context, "/quota", Realm::ReadWrite, help, quota);
}

fn quota(_: &mut MasterProcess, _: &mut Context<MasterProcess>, request: Request, reply: Reply) {
    reply.send(match request.method.as_str() {
        "GET" => Response::ok_json(json::to_vec(&QuotaStatus::default())),
        "POST" => set(&request.body),
        "DELETE" => remove(&named_path(&request)),
        other => Response::method_not_allowed(&["GET", "POST", "DELETE"], other),
    });
}

fn set(body: &[u8]) -> Response {
    let shown = String::from_utf8_lossy(body);
    let request = match json::from_stranger::<QuotaRequest>(body, "QuotaRequest") {
        Ok(request) => request,
        Err(JsonError::Syntax(reason)) => {
            let text = format!("Failed to parse set quota request JSON '{shown}': {reason}");
            return Response::bad_request(text);
        }
        Err(error) => {
            let text = format!("Failed to validate set quota request JSON '{shown}': {error}");
            return Response::bad_request(text);
        }
    };
    if request.guarantee.is_empty() {
        return Response::bad_request(
            "Failed to validate set quota request: QuotaInfo with empty 'guarantee'",
        );
    }
    operator::not_implemented(CallType::SetQuota)
}

/// Answers `DELETE /master/quota/<role>`.
fn remove(path: &str) -> Response {
    let tokens: Vec<&str> = path.split('/').filter(|token| !token.is_empty()).collect();
    let [_, _, role] = tokens[..] else {
        return Response::bad_request(format!(
            "Failed to parse remove quota request for path '{path}': expected 3 tokens, found {} \
             tokens",
            tokens.len()
        ));
    };
    Response::bad_request(format!(
        "Failed to remove quota for path '{path}': Role '{role}' has no quota set"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_requests_are_refused_and_good_ones_not_implemented() {
        let status = |body: &str| set(body.as_bytes()).status.as_u16();
        assert_eq!(status("x"), 400);
        assert_eq!(status(r#"{"role": "q"}"#), 400);
        let good = r#"{"role": "q", "guarantee": [{"name": "cpus", "type": "SCALAR",
            "scalar": {"value": 1}}]}"#;
        assert_eq!(status(good), 501);
    }

    #[test]
    fn a_role_without_quota_has_none_to_remove() {
        let text = |path| remove(path).body_text().unwrap_or_default().to_owned();
        assert!(text("/master/quota").ends_with("expected 3 tokens, found 2 tokens"));
        assert!(text("/master/quota/a").ends_with("Role 'a' has no quota set"));
    }
}
