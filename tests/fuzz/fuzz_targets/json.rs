#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mesos_fuzz::json::check(input));
