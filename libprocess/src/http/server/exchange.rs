//! One request and its answer.

use super::builtin::Builtin;
use super::guard::Connection;
use super::{Shared, Target, body, encode};
use crate::http::request::decode_path;
use crate::http::{HeaderMap, Method, Query, Reply, Request, Response};
use actix_web::{HttpRequest, HttpResponse, web};
use hyper::header::{HeaderName, HeaderValue};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

/// The content type of bodies that are handed over while they arrive.
const RECORDIO: &str = "application/recordio";

/// Who answers a request.
enum Handler {
    Builtin(Builtin),
    Process(Target),
}

/// Answers one request; actix-web calls it for every path.
pub(super) async fn exchange(
    http: HttpRequest,
    payload: web::Payload,
    shared: web::Data<Shared>,
) -> HttpResponse {
    let started = Instant::now();
    shared.counters.request();
    let connection = http.conn_data::<Rc<Connection>>().cloned().unwrap_or_default();
    let _in_request = connection.begin();
    let head = http.method() == actix_web::http::Method::HEAD;
    let request = convert(&http);
    let preferences = encode::Preferences::of(&request);
    let response = answer(request, payload, &connection, &shared).await;
    shared.counters.response(response.status.as_u16(), started.elapsed());
    encode::encode(response, &preferences, head, &connection, &shared).await
}

async fn answer(
    mut request: Request,
    mut payload: web::Payload,
    connection: &Rc<Connection>,
    shared: &Shared,
) -> Response {
    let handler = match find(&request, shared) {
        Ok(handler) => handler,
        Err(response) => {
            body::drain(payload, shared).await;
            return *response;
        }
    };
    let realm = match &handler {
        Handler::Builtin(builtin) => builtin.realm(&shared.config),
        Handler::Process(target) => target.realm.clone(),
    };
    let authenticator = realm.and_then(|realm| shared.config.realms.get(&realm));
    if let Some(authenticator) = authenticator {
        match authenticator.authenticate(&request).await.into_result() {
            Ok(principal) => request.principal = Some(principal),
            Err(response) => {
                body::drain(payload, shared).await;
                return *response;
            }
        }
    }
    if request.content_type() == Some(RECORDIO) {
        request.stream = Some(body::stream(payload));
    } else {
        let announced = request.header("content-length").and_then(|text| text.parse().ok());
        match body::collect(&mut payload, announced, shared).await {
            Ok(body) => request.body = body,
            Err(response) => return response,
        }
    }
    match handler {
        Handler::Builtin(builtin) => builtin.answer(request, shared).await,
        Handler::Process(target) => deliver(target, request, connection, shared).await,
    }
}

/// Hands the request to its process and waits. A client that closes its side may still want the
/// answer, but not for long.
async fn deliver(
    target: Target,
    mut request: Request,
    connection: &Rc<Connection>,
    shared: &Shared,
) -> Response {
    request.route = target.prefix;
    let (reply, receiver) = Reply::with_signal(connection.eof.clone());
    let (gone, left) = tokio::sync::oneshot::channel::<()>();
    connection.eof.on_closed(move || drop(gone));
    (target.deliver)(request, reply);
    let too_late = async {
        // An error is the news: the sender was dropped by the callback.
        let _ = left.await;
        shared.counters.abandoned.increment();
        tokio::time::sleep(shared.config.half_closed_timeout).await;
    };
    tokio::select! {
        biased;
        response = receiver => response,
        () = too_late => Response::service_unavailable("The client has gone"),
    }
}

fn find(request: &Request, shared: &Shared) -> Result<Handler, Box<Response>> {
    let disabled = |path: &str| {
        let mut path = path.trim_end_matches('/');
        // A disabled path takes everything below it with it.
        while !path.is_empty() {
            if shared.config.disabled_paths.contains(path) {
                return true;
            }
            path = &path[..path.rfind('/').unwrap_or(0)];
        }
        false
    };
    let forbidden = || {
        shared.counters.disabled.increment();
        Box::new(Response::forbidden(format!("Endpoint '{}' is disabled", request.path)))
    };
    if disabled(&request.path) {
        return Err(forbidden());
    }
    if let Some(builtin) = Builtin::find(&request.path) {
        return Ok(Handler::Builtin(builtin));
    }
    let target =
        shared.site.lookup(&request.path).ok_or_else(|| Box::new(Response::not_found()))?;
    // The same endpoint has two paths at the delegate, and both are meant.
    if disabled(&format!("/{}{}", target.process, target.endpoint)) || disabled(&target.endpoint) {
        return Err(forbidden());
    }
    Ok(Handler::Process(target))
}

/// The request as processes see it, without its body.
fn convert(http: &HttpRequest) -> Request {
    let mut headers = HeaderMap::with_capacity(http.headers().len());
    for (name, value) in http.headers() {
        // Both sides know the same rules of names and values, so nothing is lost here.
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_str().as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            headers.append(name, value);
        }
    }
    // Handlers need not know of HEAD: it is a GET whose body is not sent.
    let method = match http.method().as_str() {
        "HEAD" => Method::GET,
        other => Method::from_bytes(other.as_bytes()).unwrap_or(Method::GET),
    };
    let raw_path = http.uri().path().to_owned();
    let path = decode_path(&raw_path);
    Request {
        method,
        route: path.clone(),
        path,
        raw_path,
        query: Query::parse(http.uri().query().unwrap_or("")),
        headers,
        body: bytes::Bytes::new(),
        stream: None,
        peer: http.peer_addr().unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
        principal: None,
    }
}
