//! What it costs to write and read a scheduler's OFFERS event of 100 offers: MessagePack against
//! JSON (serde_json on the same types, no checks), in one run.
//!
//! The bar: with short keys at least twice as fast, both ways together, in at most 0.7 of the
//! octets.

use std::hint::black_box;
use std::time::{Duration, Instant};

use mesos::ids::{AgentId, FrameworkId, OfferId};
use mesos::master_info::{Address, Url};
use mesos::msgpack;
use mesos::offer::Offer;
use mesos::resource::AllocationInfo;
use mesos::resources::Resources;
use mesos::v1::scheduler::{Event, EventType, OffersEvent};
use mesos::value::parse_attributes;

const OFFERS: usize = 100;
const ROUNDS: usize = 100;
const EVENTS_PER_ROUND: u32 = 5;

fn main() {
    let event = offers();
    let json = serde_json::to_vec(&event).expect("events can be written");
    let json_size = json.len();
    let packed = msgpack::to_vec(&event);
    let short = msgpack::to_vec_short(&event);
    assert_eq!(msgpack::from_slice::<Event>(&packed).expect("it was just written"), event);
    assert_eq!(msgpack::from_slice::<Event>(&short).expect("it was just written"), event);

    let [json_write, json_read, pack_write, pack_read, short_write, short_read] = best_of([
        &|| drop(black_box(serde_json::to_vec(black_box(&event)))),
        &|| drop(black_box(serde_json::from_slice::<Event>(&json))),
        &|| drop(black_box(msgpack::to_vec(black_box(&event)))),
        &|| drop(black_box(msgpack::from_slice::<Event>(&packed))),
        &|| drop(black_box(msgpack::to_vec_short(black_box(&event)))),
        &|| drop(black_box(msgpack::from_slice::<Event>(&short))),
    ]);

    println!("event of {OFFERS} offers       JSON  MessagePack   ratio   short keys   ratio");
    let octets = |size: usize| format!("{size:12} {:7.2}", size as f64 / json_size as f64);
    println!("octets          {json_size:12} {} {}", octets(packed.len()), octets(short.len()));
    for (what, json, pack, short) in [
        ("write", json_write, pack_write, short_write),
        ("read", json_read, pack_read, short_read),
        ("both", json_write + json_read, pack_write + pack_read, short_write + short_read),
    ] {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let beside = |time| format!("{:12.1} {:7.2}", micros(time), micros(json) / micros(time));
        println!("{what:6} (us)     {:12.1} {} {}", micros(json), beside(pack), beside(short));
    }
}

/// The shortest time of one call of each, over many rounds in turn: other load only ever adds, and
/// comes and goes.
fn best_of<const N: usize>(calls: [&dyn Fn(); N]) -> [Duration; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..ROUNDS {
        for (best, call) in best.iter_mut().zip(calls) {
            let start = Instant::now();
            (0..EVENTS_PER_ROUND).for_each(|_| call());
            *best = (*best).min(start.elapsed() / EVENTS_PER_ROUND);
        }
    }
    best
}

fn offers() -> Event {
    let mut resources = Resources::parse(
        "cpus:15.5;mem:61440.25;disk:983040;ports:[31000-31099, 31105-32000];cpus(prod):0.5",
        "*",
    )
    .expect("the text is ours");
    resources.allocate("prod");
    let offer = |index: usize| Offer {
        id: OfferId::new(format!("cb4ba888-e902-445e-8c94-1e742e067d42-O{index}")),
        framework_id: FrameworkId::new("cb4ba888-e902-445e-8c94-1e742e067d42-0007"),
        agent_id: AgentId::new(format!("cb4ba888-e902-445e-8c94-1e742e067d42-S{index}")),
        hostname: format!("node-{index}.example.com"),
        url: Some(Box::new(Url {
            scheme: "http".to_owned(),
            address: Address {
                hostname: Some(format!("node-{index}.example.com")),
                ip: Some(format!("10.0.1.{index}")),
                port: 5051,
            },
            path: Some("/slave(1)".to_owned()),
            ..Url::default()
        })),
        resources: resources.to_vec(),
        attributes: parse_attributes("rack:r17;zone:b;generation:3").expect("the text is ours"),
        allocation_info: Some(AllocationInfo { role: Some("prod".to_owned()) }),
        ..Offer::default()
    };
    Event {
        r#type: Some(EventType::Offers),
        offers: Some(OffersEvent { offers: (0..OFFERS).map(offer).collect() }),
        ..Event::default()
    }
}
