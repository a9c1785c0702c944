//! `/weights`, and what UPDATE_WEIGHTS is checked for (row OI-05).
//!
//! Weights are set by the flag `--weights`. To change them while the master runs is not built yet:
//! what is malformed is refused in Mesos's words, what is good is answered with 501.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use mesos::json::{self, JsonError};
use mesos::master_info::WeightInfo;
use mesos::role;
use mesos::v1::master::{Call, CallType};

use super::{Realm, operator, route_leader};
use crate::process::MasterProcess;
use crate::render::v1;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let help = Help::new("Returns or updates weights.")
        .description("GET: Returns a JSON array of `{\"role\": …, \"weight\": …}`.")
        .description("PUT: Takes such an array; answered with 501 until it is built.")
        .authentication(true);
    route_leader(context, "/weights", Realm::ReadWrite, help, weights);
}

fn weights(
    process: &mut MasterProcess,
    _: &mut Context<MasterProcess>,
    request: Request,
    reply: Reply,
) {
    reply.send(match request.method.as_str() {
        "GET" => {
            Response::json(&v1::weight_infos(&process.view()).iter().map(shown).collect::<Vec<_>>())
        }
        "PUT" => update(&request.body),
        other => Response::method_not_allowed(&["GET", "PUT"], other),
    });
}

/// A weight as `/weights` shows it.
fn shown(info: &WeightInfo) -> serde_json::Value {
    serde_json::json!({ "role": info.role, "weight": info.weight })
}

fn update(body: &[u8]) -> Response {
    let shown = String::from_utf8_lossy(body);
    let infos = match json::list_from_slice::<WeightInfo>(body, "WeightInfo") {
        Ok(infos) => infos,
        Err(JsonError::Syntax(reason)) => {
            let text = format!("Failed to parse update weights request JSON '{shown}': {reason}");
            return Response::bad_request(text);
        }
        Err(error) => {
            let text =
                format!("Failed to convert weights JSON array to protobuf '{shown}': {error}");
            return Response::bad_request(text);
        }
    };
    refuse(&infos)
}

/// The answer to UPDATE_WEIGHTS.
pub(super) fn answer(call: &Call) -> Response {
    refuse(call.update_weights.as_ref().map_or(&[], |body| &body.weight_infos))
}

fn refuse(infos: &[WeightInfo]) -> Response {
    for info in infos {
        let role = info.role.as_deref().unwrap_or_default().trim();
        if let Err(error) = role::validate(role) {
            return Response::bad_request(format!(
                "Failed to validate update weights request JSON: Invalid role '{role}': {error}"
            ));
        }
        if info.weight <= 0.0 {
            return Response::bad_request(format!(
                "Failed to validate update weights request JSON for role '{role}': Invalid weight \
                 '{}': Weights must be positive",
                info.weight
            ));
        }
    }
    operator::not_implemented(CallType::UpdateWeights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_weights_are_refused_and_good_ones_not_implemented() {
        let text = |body: &str| {
            let answer = update(body.as_bytes());
            (answer.status.as_u16(), answer.body_text().unwrap_or_default().to_owned())
        };
        assert_eq!(text("x").0, 400);
        assert!(text("x").1.starts_with("Failed to parse update weights request JSON 'x': "));
        assert_eq!(
            text("{}").1,
            "Failed to convert weights JSON array to protobuf '{}': Expecting a JSON array"
        );
        assert!(text(r#"[{"role": "-x", "weight": 1}]"#).1.contains("Invalid role '-x'"));
        assert!(text(r#"[{"role": "x", "weight": 0}]"#).1.contains("Invalid weight '0'"));
        assert_eq!(text(r#"[{"role": "x", "weight": 2}]"#).0, 501);
    }
}
