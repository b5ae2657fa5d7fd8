//! A configuration of any bytes: it is read or refused, and every fault has a place in its file.
#![no_main]

use std::cell::RefCell;

use gazetted::config::load;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new(tempfile::tempdir().unwrap());
}

fuzz_target!(|text: &[u8]| {
    let mut text = text.to_vec();
    // It may name other files; here none outside of its own folder, as there are endless ones.
    let names = |what: &[u8]| text.windows(what.len()).any(|part| part == what);
    if names(b"include") || names(b"file") || names(b"path") {
        text.iter_mut().filter(|byte| matches!(byte, b'/' | b'\\')).for_each(|byte| *byte = b'_');
    }
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    FOLDER.with_borrow(|folder| {
        let path = folder.path().join("gazetted.toml");
        std::fs::write(&path, &text).unwrap();
        let environment = |name: &str| (name.len() % 2 == 1).then(|| "value".to_owned());
        match load(&path, &environment, now.into()) {
            Ok(config) => assert_eq!(config.path, path),
            Err(errors) => {
                assert!(!errors.faults().is_empty());
                let lines = 1 + text.iter().filter(|byte| **byte == b'\n').count();
                for fault in errors.faults() {
                    assert!(!fault.message.is_empty() && !fault.file.is_empty(), "{fault:?}");
                    assert!((1..=lines).contains(&fault.line) && 1 <= fault.column, "{fault:?}");
                }
                assert!(!errors.render(false).is_empty());
                assert!(!errors.render(true).is_empty());
            }
        }
    });
});
