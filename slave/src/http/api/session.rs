//! `LAUNCH_NESTED_CONTAINER_SESSION`: what a container writes, as it writes it (row CT-10).
//!
//! ```text
//!   launched ──▶ STREAMING ── both streams end ──▶ the answer ends, the container too
//!                    └─────── the client goes ───▶ the container ends
//! ```

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use libprocess::Context;
use libprocess::http::{BodyWriter, Reply, Response};
use libprocess::subprocess::async_reader;
use mesos::recordio;
use mesos::v1::agent::{ProcessIo, ProcessIoData, ProcessIoStream, ProcessIoType};
use slave_core::containers::call::ContainerRequest;
use tokio::io::AsyncReadExt as _;

use super::content::Accept;
use crate::containerizer::contained::Output;
use crate::http::media::{Codec as _, MediaType};
use crate::process::AgentProcess;

/// How much may wait for a client. A container that writes faster than its client reads waits.
const LIMIT_BYTES: usize = 256 * 1024;
/// The most that one record holds.
const CHUNK_BYTES: usize = 16 * 1024;

/// Answers with what the session writes, until it or the client ends.
pub(super) fn stream(
    context: &Context<AgentProcess>,
    request: ContainerRequest,
    output: Output,
    accept: Accept,
    reply: Reply,
) {
    let (response, writer) = Response::stream(accept.media.name(), LIMIT_BYTES);
    let (node, pid) = (context.node().clone(), context.pid().clone());
    let over = move || {
        node.dispatch(&pid, move |process: &mut AgentProcess, context| {
            process.container_call_abandoned(context, request);
        });
    };
    if reply.is_closed() {
        return over();
    }
    writer.on_closed(over.clone());
    reply.send(accept.stream_headers(response));
    context.node().handle().spawn(async move {
        let Output { stdout, stderr, copies } = output;
        let media = accept.media;
        let stdout = pump(stdout, ProcessIoStream::Stdout, copies.stdout, &writer, media);
        let stderr = pump(stderr, ProcessIoStream::Stderr, copies.stderr, &writer, media);
        tokio::join!(stdout, stderr);
        writer.close();
        over();
    });
}

/// Passes on what comes out of a stream until it ends, or nobody wants it.
async fn pump(
    from: OwnedFd,
    stream: ProcessIoStream,
    mut copy: File,
    writer: &BodyWriter,
    media: MediaType,
) {
    let mut from = match async_reader(from) {
        Ok(from) => from,
        Err(error) => return tracing::error!("cannot read the output of a session: {error}"),
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = match from.read(&mut chunk).await {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) => return tracing::error!("cannot read the output of a session: {error}"),
        };
        if let Err(error) = copy.write_all(&chunk[..length]) {
            tracing::warn!("cannot keep the output of a session: {error}");
        }
        let record = ProcessIo {
            r#type: Some(ProcessIoType::Data),
            data: Some(ProcessIoData { r#type: Some(stream), data: Some(chunk[..length].into()) }),
            control: None,
        };
        if writer.send(recordio::encode(&media.write(&record))).await.is_err() {
            // The client has gone, and the container goes, too.
            return;
        }
    }
}
