//! The programs that tests need and cargo does not bring: Postfix and libfaketime.
//!
//! `tests/run --install` unpacks Debian's packages into `target/test-tools` without installing them, so the machine's
//! own mail server is not touched. `POSTWARD_TEST_TOOLS=/` takes what is installed.

use std::env;
use std::path::{Path, PathBuf};

/// A directory in which Debian packages are unpacked.
pub(crate) struct Tools {
    root: PathBuf,
}

impl Tools {
    /// The directory in use; whether everything is in it shows when it is asked for.
    pub(crate) fn find() -> Self {
        let unpacked = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools");
        Self { root: env::var_os("POSTWARD_TEST_TOOLS").map_or_else(unpacked, PathBuf::from) }
    }

    /// The program or library at `path`, as Debian lays it out.
    pub(crate) fn get(&self, path: &str) -> PathBuf {
        let found = self.root.join(path);
        assert!(found.exists(), "{} is missing\nhint: `tests/run --install` gets it", found.display());
        found
    }

    /// The preloaded library that turns a program's clock.
    pub(crate) fn faketime(&self) -> PathBuf {
        self.get(&format!("usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", env::consts::ARCH))
    }

    /// `LD_LIBRARY_PATH` for programs that run from here.
    pub(crate) fn library_path(&self) -> String {
        let usr_lib = self.root.join("usr/lib");
        let usr_lib = usr_lib.display();
        format!("{usr_lib}/postfix:{usr_lib}/{}-linux-gnu", env::consts::ARCH)
    }
}
