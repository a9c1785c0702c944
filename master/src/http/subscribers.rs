//! Streams of events to operators (row OI-07).
//!
//! ```text
//!   SUBSCRIBE       a rendering begins            it ends
//!  ──────────▶ waiting ──────────▶ rendering ──────────▶ open ──▶ gone: closed, or too slow, or
//!    events are in the state    events are kept    events are written    the oldest of too many
//! ```
//!
//! A stream begins with the state of the cluster, as a getter shows it, and goes on with every
//! event since. The state is rendered off the master's thread, once for all who wait for it. One
//! event is one record, and one chunk of the HTTP body (spec `wire.md` 1).

use std::collections::BTreeMap;

use bytes::Bytes;
use libprocess::Context;
use libprocess::http::{BodyWriter, Reply, Response};
use master_core::Event;
use mesos::recordio;
use mesos::v1::master::{self, CallType, EventType, SubscribedEvent};

use super::media::{Codec as _, MediaType};
use crate::process::MasterProcess;
use crate::render::{View, getters, v1};

/// How far a stream is.
enum Stage {
    Waiting,
    Rendering { kept: Vec<Bytes>, kept_bytes: usize },
    Open,
}

struct Subscriber {
    writer: BodyWriter,
    media: MediaType,
    stage: Stage,
}

impl Subscriber {
    /// Takes a record; false if it is too slow, or too much has to be kept for it.
    fn take(&mut self, record: Bytes, limit_bytes: usize) -> bool {
        match &mut self.stage {
            Stage::Waiting => true,
            Stage::Rendering { kept, kept_bytes } => {
                *kept_bytes += record.len();
                kept.push(record);
                *kept_bytes <= limit_bytes
            }
            Stage::Open => self.writer.write(record).is_ok(),
        }
    }
}

/// The operators who listen, by the order in which they came.
pub(crate) struct Subscribers {
    streams: BTreeMap<u64, Subscriber>,
    next: u64,
    is_rendering: bool,
    limit_bytes: usize,
    limit: usize,
}

impl Subscribers {
    /// Nobody. `limit_bytes` is how far one may be behind, `limit` how many there may be.
    pub fn new(limit_bytes: usize, limit: usize) -> Self {
        Self { streams: BTreeMap::new(), next: 0, is_rendering: false, limit_bytes, limit }
    }

    /// Adds one, in the place of the oldest if there are too many.
    fn add(&mut self, id: u64, subscriber: Subscriber) {
        self.streams.insert(id, subscriber);
        while self.streams.len() > self.limit {
            if let Some((id, oldest)) = self.streams.pop_first() {
                tracing::warn!("stream {id} to an operator makes room for a newer one");
                oldest.writer.close();
            }
        }
    }

    /// Begins to keep events for those who wait, and gives the media types that they want.
    fn begin_rendering(&mut self) -> Vec<MediaType> {
        let mut wanted = Vec::new();
        for subscriber in self.streams.values_mut() {
            if matches!(subscriber.stage, Stage::Waiting) {
                subscriber.stage = Stage::Rendering { kept: Vec::new(), kept_bytes: 0 };
                wanted.push(subscriber.media);
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Opens the streams that a rendering was for.
    fn open(&mut self, beginnings: &BTreeMap<MediaType, [Bytes; 2]>) {
        for (id, subscriber) in &mut self.streams {
            let Stage::Rendering { kept, .. } = &mut subscriber.stage else { continue };
            let kept = std::mem::take(kept);
            let Some(beginning) = beginnings.get(&subscriber.media) else { continue };
            subscriber.stage = Stage::Open;
            for record in beginning.iter().cloned().chain(kept) {
                // A stream that has gone is told of by its pipe.
                if let Err(error) = subscriber.writer.write(record) {
                    tracing::warn!("stream {id} to an operator is cut: {error}");
                    break;
                }
            }
        }
    }

    /// Tells everybody.
    fn publish(&mut self, event: &master::Event) {
        let mut records: BTreeMap<MediaType, Bytes> = BTreeMap::new();
        let limit_bytes = self.limit_bytes;
        self.streams.retain(|id, subscriber| {
            let media = subscriber.media;
            let record = records.entry(media).or_insert_with(|| encode(media, event)).clone();
            let kept_up = subscriber.take(record, limit_bytes);
            if !kept_up && !subscriber.writer.is_closed() {
                tracing::warn!("stream {id} to an operator is cut: it is too slow");
                subscriber.writer.fail("too slow");
            }
            kept_up
        });
    }

    /// Ends all streams.
    pub fn close_all(&mut self) {
        for subscriber in std::mem::take(&mut self.streams).into_values() {
            subscriber.writer.close();
        }
    }
}

impl MasterProcess {
    /// Opens a stream of events.
    pub(super) fn subscribe_operator(
        &mut self,
        context: &mut Context<Self>,
        media: MediaType,
        reply: Reply,
    ) {
        let id = self.subscribers.next;
        self.subscribers.next += 1;
        let (response, writer) = Response::stream(media.name(), self.subscribers.limit_bytes);
        let closed = context.defer(move |process: &mut Self, context, ()| {
            process.subscribers.streams.remove(&id);
            process.count_listeners(context);
        });
        writer.on_closed(move || closed.call(()));
        self.subscribers.add(id, Subscriber { writer, media, stage: Stage::Waiting });
        reply.send(response);
        self.count_listeners(context);
        self.render_for_operators(context);
        self.schedule_heartbeat(context, id);
    }

    /// Tells everybody who listens.
    pub(crate) fn publish(&mut self, context: &Context<Self>, event: &master::Event) {
        self.subscribers.publish(event);
        if self.subscribers.streams.len() != self.core.listening() {
            // Not here: the core is in the midst of a step.
            context.dispatch(&context.pid().clone(), Self::count_listeners);
        }
    }

    /// Tells the core how many listen: it makes no events for nobody.
    fn count_listeners(&mut self, context: &mut Context<Self>) {
        let count = self.subscribers.streams.len();
        if count != self.core.listening() {
            self.step(context, Event::OperatorsListening { count });
        }
    }

    fn render_for_operators(&mut self, context: &mut Context<Self>) {
        if self.subscribers.is_rendering {
            return;
        }
        let wanted = self.subscribers.begin_rendering();
        if wanted.is_empty() {
            return;
        }
        self.subscribers.is_rendering = true;
        let view = self.view();
        let render =
            move || wanted.into_iter().map(|media| (media, beginning(&view, media))).collect();
        context.block_then(render, |process, context, beginnings: BTreeMap<_, _>| {
            process.subscribers.is_rendering = false;
            process.subscribers.open(&beginnings);
            process.render_for_operators(context);
        });
    }

    fn schedule_heartbeat(&mut self, context: &mut Context<Self>, id: u64) {
        let interval = self.config.core.heartbeat_interval;
        context.delay(interval, move |process, context| {
            let limit_bytes = process.subscribers.limit_bytes;
            let Some(subscriber) = process.subscribers.streams.get_mut(&id) else { return };
            if matches!(subscriber.stage, Stage::Open) {
                // Who does not keep up is told of by the pipe.
                subscriber.take(encode(subscriber.media, &heartbeat()), limit_bytes);
            }
            process.schedule_heartbeat(context, id);
        });
    }
}

fn heartbeat() -> master::Event {
    master::Event { r#type: Some(EventType::Heartbeat), ..master::Event::default() }
}

fn encode(media: MediaType, event: &master::Event) -> Bytes {
    recordio::encode(&media.write(event))
}

/// The first two records of a stream.
fn beginning(view: &View, media: MediaType) -> [Bytes; 2] {
    let interval = view.config.core.heartbeat_interval;
    let subscribed = SubscribedEvent {
        get_state: v1::getter(view, CallType::GetState).and_then(|answer| answer.get_state),
        heartbeat_interval_seconds: Some(interval.as_secs_f64()),
    };
    let record = match media {
        MediaType::Json => recordio::encode(&getters::subscribed_to_json(&subscribed)),
        MediaType::Msgpack | MediaType::MsgpackShort => {
            let event = master::Event {
                r#type: Some(EventType::Subscribed),
                subscribed: Some(subscribed),
                ..master::Event::default()
            };
            encode(media, &event)
        }
    };
    [record, encode(media, &heartbeat())]
}
