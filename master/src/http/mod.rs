//! The master's endpoints.
//!
//! Reading order: this file (which endpoint is whose, and who may be asked), [`media`] (JSON and
//! MessagePack), [`requests`] and [`streams`] (what waits for the core), [`scheduler`],
//! [`operator`], [`subscribers`] (operators who listen), [`readers`] (what only reads), [`plain`]
//! (the small ones), [`files`], [`registrar`], and what operators change: [`weights`], [`quota`],
//! [`maintenance`], [`reservations`].

pub(crate) mod files;
mod maintenance;
pub(crate) mod media;
mod operator;
mod plain;
mod quota;
pub(crate) mod readers;
pub(crate) mod registrar;
pub(crate) mod requests;
mod reservations;
mod scheduler;
pub(crate) mod streams;
pub(crate) mod subscribers;
mod weights;

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};

use crate::PROCESS_ID;
use crate::process::{MasterProcess, Phase};

/// Makes the routes. All of them answer with and without `/master` in front.
pub(crate) fn install(context: &mut Context<MasterProcess>) {
    scheduler::install(context);
    operator::install(context);
    readers::install(context);
    plain::install(context);
    weights::install(context);
    quota::install(context);
    maintenance::install(context);
    reservations::install(context);
}

/// The answer for whoever asks a master that cannot answer as the leader (row MA-19).
pub(crate) fn unless_leading(process: &MasterProcess, request: &Request) -> Option<Response> {
    let Some(leader) = &process.leader else {
        return Some(Response::service_unavailable("No leader elected"));
    };
    if leader.id != process.info.id {
        let target = format!("{}{}", base(leader), path_with_query(request));
        return Some(Response::redirect_temporary(&target));
    }
    match process.phase {
        Phase::Leading => None,
        _ => Some(Response::service_unavailable("Master has not finished recovery")),
    }
}

/// Where a leader is, without a scheme, so that a client keeps the one that it uses.
pub(crate) fn base(leader: &mesos::master_info::MasterInfo) -> String {
    let address = leader.address.as_ref();
    let host = leader.hostname.as_deref().or_else(|| address?.ip.as_deref()).unwrap_or_default();
    let port = address.map_or(i64::from(leader.port), |address| i64::from(address.port));
    format!("//{host}:{port}")
}

/// The path of a request as the leader is to be asked: it names the process.
fn path_with_query(request: &Request) -> String {
    let mut target = named_path(request);
    for (index, (name, value)) in request.query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        push_encoded(&mut target, name);
        target.push('=');
        push_encoded(&mut target, value);
    }
    target
}

/// The path of a request with the name of the process in front.
fn named_path(request: &Request) -> String {
    let prefix = format!("/{PROCESS_ID}");
    let named = request.raw_path.strip_prefix(&prefix);
    let is_named = named.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut path = if is_named { String::new() } else { prefix };
    path.push_str(&request.raw_path);
    path
}

fn push_encoded(target: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                target.push(char::from(byte));
            }
            _ => target.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Whose credentials an endpoint asks for, once authenticators are set (row LP-21). The names are
/// Mesos's: clients show them to users who are asked for a password.
#[derive(Debug, Clone, Copy)]
enum Realm {
    ReadOnly,
    ReadWrite,
    Scheduler,
}

impl Realm {
    fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "mesos-master-readonly",
            Self::ReadWrite => "mesos-master-readwrite",
            Self::Scheduler => "mesos-master-scheduler",
        }
    }
}

/// A route that only the leader answers.
fn route_leader<F>(
    context: &mut Context<MasterProcess>,
    path: &str,
    realm: Realm,
    help: Help,
    handler: F,
) where
    F: Fn(&mut MasterProcess, &mut Context<MasterProcess>, Request, Reply) + Send + 'static,
{
    context.route_authenticated(
        path,
        realm.name(),
        help,
        move |process, context, request, reply| match unless_leading(process, &request) {
            Some(answer) => reply.send(answer),
            None => handler(process, context, request, reply),
        },
    );
}

/// The answer to another method than POST.
fn unless_post(request: &Request) -> Option<Response> {
    let method = request.method.as_str();
    (method != "POST").then(|| Response::method_not_allowed(&["POST"], method))
}

#[cfg(test)]
mod tests {
    use super::*;
    use libprocess::http::Method;

    #[test]
    fn a_redirect_names_the_process_and_keeps_the_query() {
        let path = |target| path_with_query(&Request::new(Method::GET, target));
        assert_eq!(path("/state"), "/master/state");
        assert_eq!(path("/master/state"), "/master/state");
        assert_eq!(path("/masters"), "/master/masters");
        assert_eq!(path("/tasks?limit=1&x=a%20b"), "/master/tasks?limit=1&x=a%20b");
    }
}
