//! Calls of one scheduler on one connection.
//!
//! The call is an ACCEPT without operations, which declines. Its offer was declined before: that
//! is the most that one connection can ask of a master, as there are not so many offers.

use mesos_framework::mesos::ids::OfferId;
use mesos_framework::mesos::offer::Filters;
use mesos_framework::mesos::v1::scheduler::{Accept, CallType};

use crate::daemons::Cluster;
use crate::raw::{Connection, Media, Subscription, framework};
use crate::report::{Report, rate};

/// Calls per measurement.
const CALLS: u64 = 40_000;
/// How many calls are sent at once, and how many such batches may be unanswered.
const BATCH: u64 = 16;
const AHEAD: u64 = 4;
/// Calls per measurement when each waits for the answer to the one before.
const SINGLES: u64 = 10_000;

/// Adds this file's rows.
pub fn run(report: &mut Report) {
    let piped = "scheduler calls (ACCEPT without operations), one connection";
    let single = "scheduler calls, each after the answer to the one before";
    if ![piped, single].iter().any(|name| report.wants(name)) {
        return;
    }
    let cluster = Cluster::start(0);
    let address = cluster.address();
    let mut json = Caller::new(&address, Media::Json);
    let mut packed = Caller::new(&address, Media::Msgpack);
    let mut health =
        Caller::with(&address, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 200);
    let what = format!("{piped}, JSON");
    let reference = "GET /health on one connection";
    report.rates(&what, "20,000/s", reference, || json.piped(), || health.piped());
    let what = format!("{piped}, MessagePack");
    report.rates(&what, "above 1", "the same in JSON", || packed.piped(), || json.piped());
    report.rates(single, "", reference, || json.single(), || health.single());
}

struct Caller {
    connection: Connection,
    request: Vec<u8>,
    status: u16,
    /// Its stream stays open as long as its calls are made.
    _subscription: Option<Subscription>,
}

impl Caller {
    fn new(address: &str, media: Media) -> Self {
        let subscription = Subscription::open(address, framework("caller", "bench"), media);
        let id = subscription.id.as_str();
        let master = id.rsplit_once('-').expect("an id has a master's before it").0;
        let mut call = subscription.call(CallType::Accept);
        call.accept = Some(Accept {
            offer_ids: vec![OfferId::from(format!("{master}-O17").as_str())],
            filters: Some(Filters { refuse_seconds: 5.0 }),
            ..Accept::default()
        });
        let request = subscription.request(&call);
        Self { _subscription: Some(subscription), ..Self::with(address, request, 202) }
    }

    fn with(address: &str, request: Vec<u8>, status: u16) -> Self {
        Self { connection: Connection::open(address), request, status, _subscription: None }
    }

    fn piped(&mut self) -> f64 {
        let batch = self.request.repeat(BATCH as usize);
        rate(CALLS, || {
            let batches = CALLS / BATCH;
            for number in 0..batches + AHEAD {
                if number < batches {
                    self.connection.send(&batch).expect("the master reads");
                }
                if number >= AHEAD {
                    (0..BATCH).for_each(|_| self.answer());
                }
            }
        })
    }

    fn single(&mut self) -> f64 {
        let request = self.request.clone();
        rate(SINGLES, || {
            for _ in 0..SINGLES {
                self.connection.send(&request).expect("the master reads");
                self.answer();
            }
        })
    }

    fn answer(&mut self) {
        let (status, head) = self.connection.head().expect("the master answers");
        assert_eq!(status, self.status, "{head}");
    }
}
