//! The driver against a master that does what the test says.

mod support;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use mesos_framework::mesos::master_info::{Address, Url};
use mesos_framework::mesos::v1::scheduler::{Call, CallType, Error, Event, EventType};
use mesos_framework::{
    Driver, DriverError, Encoding, Filters, Framework, InverseOffer, Offer, OfferId, Room, Running,
    SandboxError, Scheduler, SubscribedEvent, Task, TaskState, TaskStatus,
};
use support::{FakeMaster, PATIENCE, Refusal};

/// What a scheduler heard.
#[derive(Debug, PartialEq)]
enum Heard {
    Subscribed(String),
    Offers(usize),
    Update(String, TaskState),
    Disconnected,
    Refused(CallType, u16, String),
    Error(String),
}

/// Tells the test what it hears, and launches one task on each offer.
struct Recorder(Sender<Heard>);

impl Recorder {
    fn say(&self, heard: Heard) {
        // The test may have ended already.
        let _ = self.0.send(heard);
    }
}

impl Scheduler for Recorder {
    fn subscribed(&mut self, _: &Driver, subscribed: &SubscribedEvent) {
        self.say(Heard::Subscribed(subscribed.framework_id.to_string()));
    }

    fn offers(&mut self, driver: &Driver, offers: Vec<Offer>) {
        self.say(Heard::Offers(offers.len()));
        for offer in offers {
            let task = Task::shell("task", "true").cpus(1.0);
            driver.launch(&offer, Room::of(&offer).place(&task).into_iter().collect());
        }
    }

    fn update(&mut self, _: &Driver, status: TaskStatus) {
        self.say(Heard::Update(status.task_id.to_string(), status.state));
    }

    fn disconnected(&mut self, _: &Driver) {
        self.say(Heard::Disconnected);
    }

    fn refused(&mut self, _: &Driver, call: &Call, status: u16, reason: &str) {
        let kind = call.r#type.unwrap_or_default();
        self.say(Heard::Refused(kind, status, reason.to_owned()));
    }

    fn error(&mut self, _: &Driver, message: &str) {
        self.say(Heard::Error(message.to_owned()));
    }
}

struct Bench {
    running: Running<Recorder>,
    heard: Receiver<Heard>,
}

impl Bench {
    fn start(masters: &[&FakeMaster], change: impl FnOnce(Framework) -> Framework) -> Self {
        let addresses: Vec<_> = masters.iter().map(|one| one.address.to_string()).collect();
        let framework = Framework::new("test")
            .master(addresses.join(","))
            .backoff(Duration::from_millis(5), Duration::from_millis(20))
            .request_timeout(Duration::from_secs(5));
        let (sender, heard) = channel();
        let running = change(framework).start(Recorder(sender)).expect("a driver");
        Self { running, heard }
    }

    fn next(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).expect("something to be heard")
    }

    fn driver(&self) -> &Driver {
        self.running.driver()
    }
}

fn unchanged(framework: Framework) -> Framework {
    framework
}

fn error_event(message: &str) -> Event {
    Event {
        r#type: Some(EventType::Error),
        error: Some(Error { message: message.into() }),
        ..Event::default()
    }
}

fn offer(agent: &str) -> Offer {
    let text = format!(
        r#"{{"id":{{"value":"o"}},"framework_id":{{"value":"f"}},"agent_id":{{"value":"{agent}"}},
        "hostname":"h","resources":[{{"name":"cpus","type":"SCALAR","scalar":{{"value":2}}}}]}}"#
    );
    mesos_framework::mesos::json::from_slice(text.as_bytes(), "Offer").expect("an offer")
}

#[test]
fn a_task_is_launched_and_its_updates_are_acknowledged() {
    for encoding in [Encoding::Json, Encoding::MessagePack] {
        let master = FakeMaster::start();
        let bench = Bench::start(&[&master], |framework| framework.encoding(encoding));
        let mut stream = master.subscription();
        let info = stream.call.subscribe.clone().expect("a body").framework_info;
        assert_eq!((info.name.as_str(), info.id), ("test", None));
        stream.subscribed("f-1", 15.0);
        assert_eq!(bench.next(), Heard::Subscribed("f-1".into()));
        stream.heartbeat();
        stream.offers(vec![offer("a")]);
        assert_eq!(bench.next(), Heard::Offers(1));

        let (stream_id, accept) = master.call();
        assert_eq!(stream_id, stream.stream_id);
        assert_eq!(accept.framework_id, Some("f-1".into()));
        let operation = &accept.accept.expect("a body").operations[0];
        let task = &operation.launch.as_ref().expect("a launch").task_infos[0];
        assert_eq!((task.task_id.as_str(), task.agent_id.as_str()), ("task", "a"));

        for (state, uuid) in [(TaskState::Running, "u-1"), (TaskState::Finished, "u-2")] {
            stream.update(&"task".into(), &"a".into(), state, uuid);
            assert_eq!(bench.next(), Heard::Update("task".into(), state));
            let call = master.expect(CallType::Acknowledge);
            assert_eq!(&*call.acknowledge.expect("a body").uuid, uuid.as_bytes());
        }
        bench.driver().teardown();
        master.expect(CallType::Teardown);
        assert!(bench.running.join().is_ok());
    }
}

#[test]
fn a_master_may_close_the_stream_before_it_answers_the_teardown() {
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], unchanged);
    let mut stream = master.subscription();
    stream.subscribed("f", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    let release = master.hold_next_call();
    bench.driver().teardown();
    // The call has arrived, and its answer is held back.
    master.expect(CallType::Teardown);
    stream.send(error_event("Framework has been removed"));
    stream.cut();
    release.send(()).expect("the call is held");
    assert!(bench.running.join().is_ok());
}

#[test]
fn a_teardown_that_no_master_hears_is_an_error() {
    let master = FakeMaster::start();
    let bench =
        Bench::start(&[&master], |framework| framework.request_timeout(Duration::from_millis(200)));
    let mut stream = master.subscription();
    stream.subscribed("f", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    for _ in 0..1_000 {
        master.refuse_next_subscription(Refusal::Status(503, "No leading master"));
    }
    master.refuse_next_call(Refusal::Status(503, "No leading master"));
    bench.driver().teardown();
    let error = bench.running.join().err().expect("an error");
    assert!(matches!(error, DriverError::NotTornDown { .. }), "{error}");
}

#[test]
fn explicit_acknowledgements_are_left_to_the_scheduler() {
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], Framework::explicit_acknowledgements);
    let mut stream = master.subscription();
    stream.subscribed("f", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    stream.update(&"t".into(), &"a".into(), TaskState::Running, "u");
    assert_eq!(bench.next(), Heard::Update("t".into(), TaskState::Running));
    // Calls keep their order: had the driver acknowledged, that would come first.
    bench.driver().revive(&[]);
    master.expect(CallType::Revive);
    bench.driver().stop();
    assert!(bench.running.join().is_ok());
    assert!(master.has_no_call());
}

#[test]
fn a_lost_connection_is_made_again_with_the_same_framework_id() {
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], unchanged);
    let mut stream = master.subscription();
    stream.subscribed("f-7", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f-7".into()));
    bench.driver().suppress(&["r".to_owned()]);
    master.expect(CallType::Suppress);
    stream.cut();
    assert_eq!(bench.next(), Heard::Disconnected);

    let mut stream = master.subscription();
    assert_eq!(stream.call.framework_id, Some("f-7".into()));
    let subscribe = stream.call.subscribe.clone().expect("a body");
    assert_eq!(subscribe.framework_info.id, Some("f-7".into()));
    assert_eq!(subscribe.suppressed_roles, ["r"], "what was suppressed stays so");
    stream.subscribed("f-7", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f-7".into()));
    bench.driver().reconcile([]);
    let (stream_id, call) = master.call();
    assert_eq!((stream_id, call.r#type), (stream.stream_id.clone(), Some(CallType::Reconcile)));
    bench.driver().stop();
    assert!(bench.running.join().is_ok());
}

#[test]
fn silence_for_five_heartbeats_is_a_lost_connection() {
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], unchanged);
    let mut stream = master.subscription();
    stream.subscribed("f", 0.02);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    assert_eq!(bench.next(), Heard::Disconnected);
    master.subscription();
    bench.driver().stop();
    assert!(bench.running.join().is_ok());
}

#[test]
fn redirections_lead_to_the_leader_at_the_start_and_later() {
    let (standby, leader) = (FakeMaster::start(), FakeMaster::start());
    standby.refuse_next_subscription(Refusal::Redirect(leader.address));
    let bench = Bench::start(&[&standby], unchanged);
    let mut stream = leader.subscription();
    stream.subscribed("f", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));

    // The leader changes while the old one still holds the stream.
    leader.refuse_next_call(Refusal::Redirect(standby.address));
    bench.driver().revive(&[]);
    assert_eq!(bench.next(), Heard::Disconnected);
    let mut stream = standby.subscription();
    stream.subscribed("f", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    bench.driver().teardown();
    standby.expect(CallType::Teardown);
    assert!(bench.running.join().is_ok());
}

#[test]
fn masters_are_tried_in_turn_until_one_is_ready() {
    let (first, second) = (FakeMaster::start(), FakeMaster::start());
    first.refuse_next_subscription(Refusal::Status(503, "No leading master"));
    second.refuse_next_subscription(Refusal::Status(404, "No endpoints yet"));
    first.refuse_next_subscription(Refusal::Status(500, "Out of luck"));
    let bench = Bench::start(&[&first, &second], unchanged);
    let mut stream = second.subscription();
    stream.subscribed("f", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    bench.driver().stop();
    assert!(bench.running.join().is_ok());
}

#[test]
fn a_master_that_knows_only_json_is_spoken_to_in_json() {
    let master = FakeMaster::start();
    master.know_only_json();
    let bench = Bench::start(&[&master], unchanged);
    let mut stream = master.subscription();
    assert_eq!(stream.encoding, "application/json");
    stream.subscribed("f", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    bench.driver().stop();
    assert!(bench.running.join().is_ok());
}

#[test]
fn a_refused_subscription_ends_the_driver_with_the_masters_words() {
    let master = FakeMaster::start();
    master.refuse_next_subscription(Refusal::Status(403, "Framework 'x' is not authorized"));
    let bench = Bench::start(&[&master], unchanged);
    let error = bench.running.join().err().expect("an error");
    assert!(matches!(error, DriverError::Refused { status: 403, .. }), "{error}");
    assert_eq!(bench.heard.recv(), Ok(Heard::Error(error.to_string())));
}

#[test]
fn an_error_event_ends_the_driver_after_what_came_before_it() {
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], unchanged);
    let mut stream = master.subscription();
    stream.subscribed("f", 15.0);
    stream.update(&"t".into(), &"a".into(), TaskState::Lost, "u");
    stream.send(error_event("Framework failed over"));
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    assert_eq!(bench.next(), Heard::Update("t".into(), TaskState::Lost));
    assert!(matches!(bench.next(), Heard::Error(text) if text.contains("Framework failed over")));
    assert!(matches!(bench.running.join(), Err(DriverError::Ended(_))));
}

#[test]
fn a_refused_call_is_reported_and_the_subscription_goes_on() {
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], unchanged);
    let mut stream = master.subscription();
    stream.subscribed("f", 15.0);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    master.refuse_next_call(Refusal::Status(400, "Failed to validate"));
    bench.driver().revive(&[]);
    let refused = Heard::Refused(CallType::Revive, 400, "Failed to validate".into());
    assert_eq!(bench.next(), refused);
    bench.driver().kill(&"t".into(), None);
    master.expect(CallType::Kill);
    bench.driver().stop();
    assert!(bench.running.join().is_ok());
}

#[test]
fn garbage_in_the_stream_is_a_lost_connection() {
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], |framework| framework.encoding(Encoding::Json));
    for garbage in [&b"hello\n"[..], b"3\nabc", b"99999999999999999999999"] {
        let mut stream = master.subscription();
        stream.subscribed("f", 15.0);
        assert_eq!(bench.next(), Heard::Subscribed("f".into()));
        stream.send_raw(garbage);
        assert_eq!(bench.next(), Heard::Disconnected);
    }
    bench.driver().stop();
    assert!(bench.running.join().is_ok());
}

#[test]
fn a_driver_gives_up_when_told_so_and_says_where_it_looked() {
    // A port that was free a moment ago, and that nobody listens on.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (sender, _heard) = channel();
    let result = Framework::new("test")
        .master(unused.to_string())
        .backoff(Duration::from_millis(5), Duration::from_millis(20))
        .give_up_after(Duration::from_millis(60))
        .run(Recorder(sender));
    let error = result.err().expect("an error").to_string();
    assert!(error.contains(&unused.to_string()), "{error}");
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn a_slow_scheduler_holds_events_back_and_still_gets_its_calls_through() {
    const UPDATES: usize = 200;
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], |framework| framework.queue_capacity(2));
    let mut stream = master.subscription();
    stream.subscribed("f", 15.0);
    for number in 0..UPDATES {
        let uuid = format!("u-{number}");
        stream.update(&"t".into(), &"a".into(), TaskState::Running, &uuid);
    }
    for number in 0..UPDATES {
        let call = master.expect(CallType::Acknowledge);
        let uuid = format!("u-{number}");
        assert_eq!(&*call.acknowledge.expect("a body").uuid, uuid.as_bytes());
    }
    bench.driver().teardown();
    master.expect(CallType::Teardown);
    assert!(bench.running.join().is_ok());
}

#[test]
fn calls_before_the_subscription_are_dropped_and_stopping_needs_no_master() {
    let master = FakeMaster::start();
    let bench = Bench::start(&[&master], unchanged);
    let stream = master.subscription();
    assert!(!bench.driver().call(Call::default()));
    bench.driver().teardown();
    assert!(bench.running.join().is_ok());
    drop(stream);
    assert!(master.has_no_call());
}

#[test]
fn the_sandbox_is_read_from_the_agent_of_the_offer() {
    let master = FakeMaster::start();
    let agent = FakeMaster::start();
    let bench = Bench::start(&[&master], unchanged);
    let mut stream = master.subscription();
    stream.subscribed("f", 15.0);
    let address = Address {
        ip: Some(agent.address.ip().to_string()),
        port: i32::from(agent.address.port()),
        ..Address::default()
    };
    let url = Url { scheme: "http".into(), address, ..Url::default() };
    stream.offers(vec![Offer { url: Some(Box::new(url)), ..offer("a") }]);
    assert_eq!(bench.next(), Heard::Subscribed("f".into()));
    assert_eq!(bench.next(), Heard::Offers(1));

    let status =
        TaskStatus { task_id: "t".into(), agent_id: Some("a".into()), ..TaskStatus::default() };
    let sandbox = bench.driver().sandbox(&status).expect("a known agent");
    let missing = sandbox.read("stdout", 100);
    assert!(matches!(missing, Err(SandboxError::Refused { status: 404, .. })), "{missing:?}");
    for content in [b"ccontent", b"\xffcontent"] {
        agent.serve_file(content);
        assert_eq!(sandbox.read("stdout", 100).expect("a file"), content);
        assert!(matches!(sandbox.read("stdout", 3), Err(SandboxError::TooLong { .. })));
        assert_eq!(sandbox.read_from("stdout", 4, 3).expect("a part"), b"ten");
        assert_eq!(sandbox.read_from("stdout", 6, 30).expect("the end"), b"nt");
        assert_eq!(sandbox.read_from("stdout", 8, 30).expect("nothing yet"), b"");
    }
    let stranger = TaskStatus { agent_id: Some("b".into()), ..status };
    assert!(bench.driver().sandbox(&stranger).is_err());

    bench.driver().stop();
    assert!(bench.running.join().is_ok());
    assert!(matches!(sandbox.read("stdout", 100), Err(SandboxError::NotRunning)));
}

/// Lets go of what somebody wants back, and tells the test what is taken back.
struct Tenant(Sender<String>);

impl Scheduler for Tenant {
    fn offers(&mut self, _: &Driver, _: Vec<Offer>) {}

    fn update(&mut self, _: &Driver, _: TaskStatus) {}

    fn inverse_offers(&mut self, driver: &Driver, offers: Vec<InverseOffer>) {
        let filters = Some(Filters { refuse_seconds: 60.0 });
        for offer in offers {
            let start = offer.unavailability.start.nanoseconds;
            if start == 7 {
                driver.accept_inverse(vec![offer.id], filters.clone());
            } else {
                driver.decline_inverse(vec![offer.id], None);
            }
        }
    }

    fn rescind_inverse_offer(&mut self, _: &Driver, offer: OfferId) {
        // The test may have ended already.
        let _ = self.0.send(offer.to_string());
    }
}

#[test]
fn inverse_offers_are_heard_and_answered() {
    use mesos_framework::mesos::v1::scheduler::{InverseOffersEvent, RescindInverseOffer};

    for encoding in [Encoding::Json, Encoding::MessagePack] {
        let master = FakeMaster::start();
        let (sender, heard) = channel();
        let framework = Framework::new("test").master(master.address.to_string());
        let running = framework.encoding(encoding).start(Tenant(sender)).expect("a driver");
        let mut stream = master.subscription();
        stream.subscribed("f-1", 15.0);
        let asked = [("i", 7), ("j", 8)].map(|(id, nanoseconds)| {
            let mut offer = InverseOffer { id: id.into(), ..InverseOffer::default() };
            offer.unavailability.start.nanoseconds = nanoseconds;
            offer
        });
        stream.send(Event {
            r#type: Some(EventType::InverseOffers),
            inverse_offers: Some(InverseOffersEvent { inverse_offers: asked.to_vec() }),
            ..Event::default()
        });
        let accepted = master.expect(CallType::AcceptInverseOffers);
        let accepted = accepted.accept_inverse_offers.expect("a body");
        assert_eq!(accepted.inverse_offer_ids, ["i".into()]);
        assert_eq!(accepted.filters, Some(Filters { refuse_seconds: 60.0 }));
        let declined = master.expect(CallType::DeclineInverseOffers);
        let declined = declined.decline_inverse_offers.expect("a body");
        assert_eq!((declined.inverse_offer_ids, declined.filters), (vec!["j".into()], None));
        stream.send(Event {
            r#type: Some(EventType::RescindInverseOffer),
            rescind_inverse_offer: Some(RescindInverseOffer { inverse_offer_id: "k".into() }),
            ..Event::default()
        });
        assert_eq!(heard.recv_timeout(PATIENCE).expect("something to be heard"), "k");
        running.driver().stop();
        running.join().expect("the driver ends well");
    }
}
