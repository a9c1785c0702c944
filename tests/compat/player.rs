//! Plays recorded exchanges on a live cluster, in the order of a script.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::answers::{brief, bytes, compare_bodies, compare_heads};
use crate::compare::{Closeness, Comparison, Difference};
use crate::daemons::{Cluster, get_json};
use crate::follow::{Follow, MISSING};
use crate::names::{Names, ids, is_offer};
use crate::offers::{Offers, are_recorded};
use crate::recording::{Body, Exchange, Folder, Request, header};
use crate::report::{Accepted, Found};
use crate::wire::{self, Stream};

/// How long an event may take. Machines that run tests may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// And once something has not come at all, which is a difference already, or if it is accepted that
/// it does not come.
const IMPATIENCE: Duration = Duration::from_millis(500);

/// What is said of a request that cannot be sent, before the reason.
const NOT_SENT: &str = "is not sent";

/// What the recorded session ran as its own executor, and what runs here: the test plays the
/// executor, and lets the process end at the end.
const EXECUTOR: &str = "python3 /opt/mesos/baseline/pyexec.py";

/// A step of a script.
#[derive(Clone, Copy)]
pub enum Step {
    /// The exchanges of a folder with names from `.1` on, and before `.2` unless that is empty.
    Play(&'static str, &'static str, &'static str),
    /// Wait until a stream has carried an event of this kind.
    Await(&'static str, &'static str),
    /// Close a stream, as its client did.
    Close(&'static str),
    /// Wait until the agent has an executor.
    AwaitExecutor,
    /// Wait until the master has seen that its framework is gone.
    AwaitDisconnection,
    /// Let the executor's process end.
    EndExecutor,
}

/// A cluster on which exchanges are played.
pub struct Player<'a> {
    cluster: Cluster,
    master: SocketAddr,
    agent: Option<SocketAddr>,
    folders: &'a [Folder],
    accepted: &'a [Accepted],
    names: Names,
    /// Ids that recorded answers show: requests that have them must wait for their live ones.
    shown: HashSet<String>,
    offers: Offers,
    streams: Vec<Follow>,
    found: Vec<Found>,
    patience: Duration,
}

impl<'a> Player<'a> {
    /// Starts a cluster like the recorded one.
    pub fn start(agents: usize, folders: &'a [Folder], accepted: &'a [Accepted]) -> Self {
        let of_master = ["--registry=in_memory", "--no-hostname_lookup"];
        let of_agent = ["--launcher=posix", "--isolation=posix/cpu,posix/mem"];
        let cluster = Cluster::start_with(agents, &of_master, &of_agent);
        let mut names = Names::default();
        let folder = cluster.folder().display().to_string();
        names.fix("/var/lib/mesos/m", &format!("{folder}/master"));
        names.fix("/var/lib/mesos/a", &format!("{folder}/agent-0"));
        let ends = cluster.folder().join("end");
        let wait = format!("while [ ! -e {} ]; do sleep 0.1; done", ends.display());
        names.fix(EXECUTOR, &wait);
        let address = |text: String| text.parse::<SocketAddr>().expect("clusters have addresses");
        let master = address(cluster.address());
        names.fix_port(16050, master.port());
        let agent = (agents > 0).then(|| address(cluster.agent_address(0)));
        if let Some(agent) = agent {
            names.fix_port(16051, agent.port());
        }
        let shown = folders.iter().flat_map(|folder| &folder.exchanges).flat_map(shown_ids);
        Self {
            cluster,
            master,
            agent,
            folders,
            accepted,
            names,
            shown: shown.collect(),
            offers: Offers::default(),
            streams: Vec::new(),
            found: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// Plays a script to its end.
    pub fn play(mut self, script: &[Step]) -> Vec<Found> {
        for step in script {
            self.step(*step);
        }
        self.wait_until(self.patience, |player| {
            let accepted = player.accepted;
            player.streams.iter().all(|stream| stream.complete(accepted)).then_some(())
        });
        while let Some(stream) = self.streams.pop() {
            self.finish(stream);
        }
        self.found
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Play(folder, from, before) => {
                let folders = self.folders;
                let folder = folders.iter().find(|other| other.name == folder);
                let folder = folder.expect("a script names folders that are there");
                for exchange in &folder.exchanges {
                    let name = &exchange.name[folder.name.len() + 1..];
                    if name >= from && (before.is_empty() || name < before) {
                        self.exchange(exchange);
                    }
                }
            }
            Step::Await(stream, event) => {
                let comes = !self.accepts(stream, &format!("event {event}"), MISSING);
                let patience = if comes { self.patience } else { IMPATIENCE };
                self.wait_until(patience, |player| {
                    let stream = player.streams.iter().find(|other| other.name == stream)?;
                    stream.has(event).then_some(())
                });
            }
            Step::Close(name) => {
                if let Some(at) = self.streams.iter().position(|other| other.name == name) {
                    let stream = self.streams.remove(at);
                    self.finish(stream);
                }
            }
            Step::AwaitExecutor => {
                let url = format!("http://{}/state", self.cluster.agent_address(0));
                self.wait_until(self.patience, |_| {
                    let state = get_json(&url)?;
                    state["frameworks"][0]["executors"][0]["id"].is_string().then_some(())
                });
            }
            Step::AwaitDisconnection => {
                let url = format!("http://{}/state", self.cluster.address());
                self.wait_until(self.patience, |_| {
                    let state = get_json(&url)?;
                    (state["frameworks"][0]["connected"] == false).then_some(())
                });
            }
            Step::EndExecutor => {
                let end = self.cluster.folder().join("end");
                std::fs::write(end, "").expect("the folder is there");
            }
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        self.take_events();
        let request = match self.live_request(exchange) {
            Ok(request) => request,
            Err(what) => {
                if !self.accepts(&exchange.name, "request", &what) {
                    // The session has gone wrong: it need not take long.
                    self.patience = IMPATIENCE;
                }
                let differences = vec![Difference { place: "request".to_owned(), what }];
                return self.found.push(Found { exchange: exchange.name.clone(), differences });
            }
        };
        let (answer, stream) = wire::exchange(self.address(exchange), &request);
        let is_picture =
            exchange.name.starts_with("state_") || exchange.name.ends_with("POST_state");
        let closeness = if is_picture { Closeness::Picture } else { Closeness::Session };
        let mut comparison = Comparison::new(&mut self.names, closeness);
        let alike = compare_heads(&mut comparison, &exchange.answer, &answer);
        let mut follow = None;
        match (&exchange.answer.body, stream) {
            _ if !alike => {}
            (Body::Events(events), Some(stream)) => follow = Some((events, stream)),
            (Body::Events(_), None) => {
                comparison.differ("body", format!("is no stream; here {}", brief(&answer)));
            }
            (Body::Bytes(recorded), Some(stream)) => {
                compare_bodies(&mut comparison, recorded, &stream.rest(IMPATIENCE));
            }
            (Body::Bytes(_), None) if is_head(&request) => {}
            (Body::Bytes(recorded), None) => {
                compare_bodies(&mut comparison, recorded, bytes(&answer));
            }
        }
        let differences = comparison.differences;
        self.found.push(Found { exchange: exchange.name.clone(), differences });
        if let Some((events, stream)) = follow {
            self.follow(&exchange.name, events, stream);
        }
    }

    /// Follows a stream: those of sessions until their end, others as far as they were recorded.
    fn follow(&mut self, name: &str, events: &[Value], stream: Stream) {
        self.streams.push(Follow::new(name, events, stream));
        let goes_on = name.contains("stream");
        self.wait_until(self.patience, |player| {
            let stream = player.streams.last().expect("it was pushed");
            let begun = goes_on && !stream.events().is_empty();
            (begun || stream.complete(player.accepted)).then_some(())
        });
        if !goes_on {
            let stream = self.streams.pop().expect("it was pushed");
            self.finish(stream);
        }
    }

    fn finish(&mut self, mut stream: Follow) {
        stream.take(&mut self.names);
        let (name, differences) = stream.finish(self.patience);
        let found = self.found.iter_mut().find(|found| found.exchange == name);
        found.expect("the answer came first").differences.extend(differences);
    }

    fn take_events(&mut self) {
        for stream in &mut self.streams {
            stream.take(&mut self.names);
        }
    }

    /// Whether such a difference is accepted.
    fn accepts(&self, exchange: &str, place: &str, what: &str) -> bool {
        self.accepted.iter().any(|line| line.is_about(exchange, place, what))
    }

    /// Waits until the cluster has come so far.
    fn wait_until<T>(
        &mut self,
        patience: Duration,
        done: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + patience;
        loop {
            self.take_events();
            if let Some(found) = done(self) {
                return Some(found);
            }
            if Instant::now() >= end {
                return None;
            }
            // Polls what streams bring, and `done`, until time is up.
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn address(&self, exchange: &Exchange) -> SocketAddr {
        let to_agent = match header(&exchange.request.head, "Host") {
            Some(host) => host == "127.0.0.1:16051",
            None => exchange.name.contains("agent") || exchange.name.contains("executor"),
        };
        self.agent.filter(|_| to_agent).unwrap_or(self.master)
    }

    /// The request with live names, once all of them are known.
    fn live_request(&mut self, exchange: &Exchange) -> Result<Request, String> {
        let Request { head, body } = &exchange.request;
        let is_sent = !self.accepts(&exchange.name, "request", NOT_SENT);
        let patience = if is_sent { self.patience } else { IMPATIENCE };
        let Ok(text) = std::str::from_utf8(body) else { return Ok(exchange.request.clone()) };
        let text = self.with_live_offers(text, patience)?;
        let all = format!("{}\n{text}", head.join("\n"));
        let needed: Vec<&str> = needed_ids(&all).collect();
        let needed: Vec<&str> = needed.into_iter().filter(|id| self.shown.contains(*id)).collect();
        let missing = |player: &mut Self| needed.iter().find(|id| !player.names.knows(id)).copied();
        let known = self.wait_until(patience, |player| missing(player).is_none().then_some(()));
        if known.is_none() {
            let id = missing(self).unwrap_or_default();
            return Err(format!("{NOT_SENT}: nothing has shown what {id} is here"));
        }
        let body = self.names.to_live(&text).into_bytes();
        let honest =
            header(head, "Content-Length") == Some(&exchange.request.body.len().to_string());
        let head = head.iter().map(|line| match line.split_once(':') {
            Some(("Content-Length", _)) if honest => format!("Content-Length: {}", body.len()),
            _ => self.names.to_live(line),
        });
        Ok(Request { head: head.collect(), body: body.clone() })
    }

    /// A call with live offers for those that it names.
    fn with_live_offers(&mut self, text: &str, patience: Duration) -> Result<String, String> {
        let Ok(mut call) = serde_json::from_str::<Value>(text) else { return Ok(text.to_owned()) };
        let Some(ids) = Offers::named(&mut call) else { return Ok(text.to_owned()) };
        let recorded: Vec<Value> = self.recorded_events();
        if !are_recorded(ids, &recorded) {
            return Ok(text.to_owned());
        }
        let offers = self.wait_until(patience, |player| {
            let live: Vec<Value> = player.streams.iter().flat_map(Follow::events).collect();
            player.offers.replace(ids, &recorded, &live)
        });
        let missing = || format!("{NOT_SENT}: no offers like the recorded ones have come");
        *ids = offers.ok_or_else(missing)?;
        Ok(call.to_string())
    }

    fn recorded_events(&self) -> Vec<Value> {
        let exchanges = self.folders.iter().flat_map(|folder| &folder.exchanges);
        let bodies = exchanges.map(|exchange| &exchange.answer.body);
        let events = bodies.filter_map(|body| match body {
            Body::Events(events) => Some(events),
            Body::Bytes(_) => None,
        });
        events.flatten().cloned().collect()
    }
}

fn is_head(request: &Request) -> bool {
    request.head.first().is_some_and(|line| line.starts_with("HEAD "))
}

/// The ids that a recorded answer shows.
fn shown_ids(exchange: &Exchange) -> Vec<String> {
    // An error repeats what the request said.
    if !exchange.answer.status().starts_with('2') {
        return Vec::new();
    }
    let text = match &exchange.answer.body {
        Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Body::Events(events) => Value::Array(events.clone()).to_string(),
    };
    let head = exchange.answer.head.join("\n");
    let ids = ids(&text).into_iter().chain(ids(&head)).chain(uuids(&text));
    ids.map(str::to_owned).collect()
}

/// The ids for which a request must wait. Uuids of updates are the sender's, but in what
/// acknowledges them; offers are replaced by others like them, but not inverse ones.
fn needed_ids(text: &str) -> impl Iterator<Item = &str> {
    let uuids = if text.contains("\"ACKNOWLEDGE") { uuids(text) } else { Vec::new() };
    let inverse = text.contains("\"inverse_offer_ids\"");
    ids(text).into_iter().filter(move |id| inverse || !is_offer(id)).chain(uuids)
}

/// The values of `uuid`, which is base64.
fn uuids(text: &str) -> Vec<&str> {
    let values = text.split("\"uuid\":").skip(1).filter_map(|rest| {
        let rest = rest.trim_start_matches("{\"value\":").trim_start();
        rest.strip_prefix('"')?.split_once('"')
    });
    values.map(|(uuid, _)| uuid).collect()
}
