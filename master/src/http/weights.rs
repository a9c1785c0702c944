//! `/weights` (row OI-05). The call of the operator API that does the same is in
//! [`super::operator`]; the core decides about both.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use master_core::Event;
use mesos::json::{self, JsonError};
use mesos::master_info::WeightInfo;
use mesos::v1::master::{Call, CallType, UpdateWeights};

use super::{Realm, route_leader};
use crate::process::MasterProcess;
use crate::render::v1;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let help = Help::new("Returns or updates weights.")
        .description("GET: Returns a JSON array of `{\"role\": …, \"weight\": …}`.")
        .description("PUT: Takes such an array; roles that it does not name keep their weights.")
        .description("All offers are made anew if anybody is in one of these roles.")
        .authentication(true);
    route_leader(context, "/weights", Realm::ReadWrite, help, weights);
}

fn weights(
    process: &mut MasterProcess,
    context: &mut Context<MasterProcess>,
    request: Request,
    reply: Reply,
) {
    match request.method.as_str() {
        "GET" => {
            let infos = v1::weight_infos(&process.view());
            reply.send(Response::json(&infos.iter().map(shown).collect::<Vec<_>>()));
        }
        "PUT" => match infos(&request.body) {
            Ok(weight_infos) => {
                let call = Call {
                    r#type: Some(CallType::UpdateWeights),
                    update_weights: Some(UpdateWeights { weight_infos }),
                    ..Call::default()
                };
                let principal = request.principal.and_then(|principal| principal.value);
                let request = process.requests.add(reply);
                process.step(context, Event::OperatorCall { request, principal, call });
            }
            Err(text) => reply.send(Response::bad_request(text)),
        },
        other => reply.send(Response::method_not_allowed(&["GET", "PUT"], other)),
    }
}

/// A weight as `/weights` shows it.
fn shown(info: &WeightInfo) -> serde_json::Value {
    serde_json::json!({ "role": info.role, "weight": info.weight })
}

fn infos(body: &[u8]) -> Result<Vec<WeightInfo>, String> {
    let shown = String::from_utf8_lossy(body);
    json::list_from_slice::<WeightInfo>(body, "WeightInfo").map_err(|error| match error {
        JsonError::Syntax(reason) => {
            format!("Failed to parse update weights request JSON '{shown}': {reason}")
        }
        error => format!("Failed to convert weights JSON array to protobuf '{shown}': {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_of_weights_is_refused() {
        let text = |body: &str| infos(body.as_bytes()).unwrap_err();
        assert!(text("x").starts_with("Failed to parse update weights request JSON 'x': "));
        assert_eq!(
            text("{}"),
            "Failed to convert weights JSON array to protobuf '{}': Expecting a JSON array"
        );
        assert_eq!(infos(br#"[{"role": "x", "weight": 2}]"#).unwrap()[0].weight, 2.0);
    }
}
