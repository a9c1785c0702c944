//! The small endpoints: `/health`, `/version`, `/flags`, `/redirect`, `/teardown`.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use master_core::Event;
use mesos::json;
use mesos::v1::master::{Call, CallType, Teardown};

use super::{Realm, base, route_leader, unless_post};
use crate::process::MasterProcess;
use crate::render::version;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let help = Help::new("Health check of the master.")
        .description("Returns 200 OK while the master's process answers at all.")
        .authentication(false);
    context.route("/health", help, |_, _, _, reply| reply.send(Response::ok()));

    let help = Help::new("Provides version information.")
        .description(
            "`version` is the level of Mesos's API that is implemented, `product_version` the \
             release of this product.",
        )
        .authentication(false);
    context.route("/version", help, |_, _, _, reply| {
        reply.send(Response::ok_json(json::to_vec(&version::version())));
    });

    let help = Help::new("Exposes the master's flag configuration.").authentication(true);
    context.route_authenticated("/flags", Realm::ReadOnly.name(), help, |process, _, _, reply| {
        let flags = serde_json::json!({ "flags": process.config.flags });
        reply.send(Response::ok_json(json::to_vec(&flags)));
    });

    let help = Help::new("Redirects to the leading master.")
        .description("Returns 307 with the leader's address, 503 if no leader is known.")
        .authentication(false);
    context.route("/redirect", help, redirect);

    let help = Help::new("Tears down a running framework by shutting down all its tasks.")
        .description("Please provide a `frameworkId` value designating the running framework.")
        .authentication(true);
    route_leader(context, "/teardown", Realm::ReadWrite, help, teardown);
}

fn redirect(
    process: &mut MasterProcess,
    _: &mut Context<MasterProcess>,
    request: Request,
    reply: Reply,
) {
    let deeper = !request.rest().trim_end_matches('/').is_empty();
    reply.send(match &process.leader {
        None => Response::service_unavailable("No leader elected"),
        // A redirect to something below would come back here for ever.
        Some(_) if deeper => Response::not_found(),
        Some(leader) => Response::redirect_temporary(&base(leader)),
    });
}

fn teardown(
    process: &mut MasterProcess,
    context: &mut Context<MasterProcess>,
    request: Request,
    reply: Reply,
) {
    if let Some(answer) = unless_post(&request) {
        return reply.send(answer);
    }
    let form = request.form();
    let Some(framework_id) = form.get("frameworkId") else {
        return reply.send(Response::bad_request(
            "Missing 'frameworkId' query parameter in the request body",
        ));
    };
    let call = Call {
        r#type: Some(CallType::Teardown),
        teardown: Some(Teardown { framework_id: framework_id.into() }),
        ..Call::default()
    };
    let principal = request.principal.as_ref().and_then(|principal| principal.value.clone());
    let request = process.requests.add(reply);
    process.step(context, Event::OperatorCall { request, principal, call });
}
