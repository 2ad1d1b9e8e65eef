#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| postward_fuzz::blocklists::look(octets));
