//! Writes the corpora that fuzzing begins with: makes `$CORPUS/<target>/…` from `seeds/` and from
//! what a real Mesos said (`mesos/tests/golden`), one message a file.
//!
//! It never fuzzes. It is built as a target only because everything here is linked with libFuzzer.

#![no_main]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use mesos::bytes::Bytes;
use mesos::schema::Message;
use mesos::v1::{agent, executor, master, scheduler};
use mesos::{json, msgpack, recordio};

/// How many messages of a file become seeds: the first ones already differ in their types.
const PER_FILE: usize = 40;

/// Longer messages teach the fuzzer little and slow it down.
const MAX_BYTES: usize = 4096;

type Outcome = Result<(), Box<dyn Error>>;

libfuzzer_sys::fuzz_target!(
    init: end(write_all()),
    |_input: &[u8]| {}
);

/// Ends the program before any fuzzing.
fn end(outcome: Outcome) {
    if let Err(error) = &outcome {
        eprintln!("seeds: {error}");
    }
    std::process::exit(i32::from(outcome.is_err()));
}

fn write_all() -> Outcome {
    let out = PathBuf::from(std::env::var_os("CORPUS").ok_or("CORPUS is not set")?);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for target in fs::read_dir(here.join("seeds"))? {
        let target = target?;
        let folder = out.join(target.file_name());
        fs::create_dir_all(&folder)?;
        for seed in fs::read_dir(target.path())? {
            let seed = seed?;
            fs::copy(seed.path(), folder.join(seed.file_name()))?;
        }
    }
    let golden = here.join("../../mesos/tests/golden");
    messages::<scheduler::Call>(&golden, "scheduler_calls", &out)?;
    messages::<scheduler::Event>(&golden, "scheduler_events", &out)?;
    messages::<executor::Call>(&golden, "executor_calls", &out)?;
    messages::<executor::Event>(&golden, "executor_events", &out)?;
    messages::<master::Call>(&golden, "master_calls", &out)?;
    messages::<agent::Call>(&golden, "agent_calls", &out)?;
    internal(&here.join("../../mesos/tests/frames/0.1.0.txt"), &out)?;
    frames(&here.join("../../libprocess/src/remote/wire/recorded_v1.txt"), &out)
}

/// Messages as JSON, as MessagePack, and as records.
fn messages<T: Message>(golden: &Path, file: &str, out: &Path) -> Outcome {
    let text = fs::read_to_string(golden.join(format!("{file}.jsonl")))?;
    let lines = text.lines().filter(|line| line.len() <= MAX_BYTES).take(PER_FILE);
    for (number, line) in lines.enumerate() {
        let name = format!("{file}-{number}");
        write(&out.join("json").join(&name), line.as_bytes())?;
        let message: T = json::from_slice(line.as_bytes(), "Message")?;
        write(&out.join("msgpack").join(&name), &msgpack::to_vec(&message))?;
        let mut stream = vec![7];
        stream.extend_from_slice(&recordio::encode(line.as_bytes()));
        write(&out.join("recordio").join(&name), &stream)?;
    }
    Ok(())
}

/// The recorded messages between daemons: the last word of a line is the message in base64.
fn internal(recorded: &Path, out: &Path) -> Outcome {
    for (number, line) in fs::read_to_string(recorded)?.lines().enumerate() {
        let Some((_, base64)) = line.rsplit_once('\t') else { continue };
        let octets = Bytes::from_base64(base64)?;
        if octets.len() <= MAX_BYTES {
            write(&out.join("internal").join(format!("recorded-{number}")), &octets)?;
        }
    }
    Ok(())
}

/// The recorded frames of connections: the last word of a line is the frame in hexadecimal.
fn frames(recorded: &Path, out: &Path) -> Outcome {
    for (number, line) in fs::read_to_string(recorded)?.lines().enumerate() {
        let Some((name, hex)) = line.split_once(' ') else { continue };
        let octets: Option<Vec<u8>> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
            .collect();
        if let Some(octets) = octets {
            write(&out.join("frames").join(format!("recorded-{name}-{number}")), &octets)?;
        }
    }
    Ok(())
}

fn write(path: &Path, octets: &[u8]) -> Outcome {
    fs::create_dir_all(path.parent().ok_or("a seed is in a folder")?)?;
    Ok(fs::write(path, octets)?)
}
