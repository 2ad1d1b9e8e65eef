//! Secrets in files.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use thiserror::Error;

/// The most octets of a key file. No key gets better by more than the 64 of a block of SHA-1.
const MOST: u64 = 4096;

/// Who has a tag can try keys at home; fewer octets than these can be tried through.
const FEW: usize = 16;

/// The octets of a new secret, before they are written as text.
const NEW: usize = 32;

/// Anybody but the owner.
const OTHERS: u32 = 0o077;

/// To the group of a credential, reading alone.
const GROUP_READS: u32 = 0o040;

/// Where systemd has the credentials of its services, each service's in a directory of its own.
const CREDENTIALS: &str = "/run/credentials";

/// Why there is no key in a file.
#[derive(Debug, Error)]
pub enum SecretError {
    /// It is not there, or not for us.
    #[error("cannot read {}: {cause} (running as {user})", file.display())]
    #[expect(missing_docs, reason = "the text says it")]
    Unreadable { file: PathBuf, cause: io::Error, user: String },
    /// A directory, a pipe, a device.
    #[error("{} is no file", file.display())]
    #[expect(missing_docs, reason = "the text says it")]
    NoFile { file: PathBuf },
    /// Somebody else may read or change it.
    #[error("{} may be used by others than its owner (mode {mode:04o}): whoever knows the key can sign", file.display())]
    #[expect(missing_docs, reason = "the text says it")]
    Open { file: PathBuf, mode: u32 },
    /// Its owner is a stranger.
    #[error("{} belongs to {owner}, and not to root or to {user}, who runs this", file.display())]
    #[expect(missing_docs, reason = "the text says it")]
    Owner { file: PathBuf, owner: String, user: String },
    /// Nothing in it.
    #[error("{} is empty", file.display())]
    #[expect(missing_docs, reason = "the text says it")]
    Empty { file: PathBuf },
    /// More in it than a key has.
    #[error("{} has more than {MOST} octets, which no key has", file.display())]
    #[expect(missing_docs, reason = "the text says it")]
    TooLong { file: PathBuf },
}

impl SecretError {
    /// What to type.
    pub fn cure(&self) -> Option<String> {
        match self {
            Self::Open { file, .. } => Some(format!("chmod 600 {}", file.display())),
            Self::Owner { file, owner, user } => Some(format!(
                "chown {user} {}; or, if postward runs as {owner}, ask as that user or as root",
                file.display()
            )),
            Self::Unreadable { file, cause, .. } if cause.kind() == io::ErrorKind::NotFound => {
                Some(format!("`postward batv keygen {}` makes one", file.display()))
            }
            Self::Empty { .. } | Self::TooLong { .. } | Self::NoFile { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// What signatures are made with. It is never shown.
pub struct Secret(Vec<u8>);

impl Secret {
    /// The text of a file without its line end, as octets; only if nobody but root and the user running this can
    /// have read or written it. Root may ask about the key of whichever user the daemon has. systemd's credentials are such files, whatever their mode seems to say.
    pub fn read(file: &Path) -> Result<Self, SecretError> {
        let unreadable = |cause| SecretError::Unreadable { file: file.to_owned(), cause, user: user() };
        // Opening a pipe would wait for somebody to write into it.
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(SecretError::NoFile { file: file.to_owned() });
        }
        let opened = File::open(file).map_err(unreadable)?;
        let metadata = opened.metadata().map_err(unreadable)?;
        safe(file, &metadata, rustix::process::geteuid().as_raw())?;
        let mut octets = Vec::new();
        opened.take(MOST + 1).read_to_end(&mut octets).map_err(unreadable)?;
        if octets.len() as u64 > MOST {
            return Err(SecretError::TooLong { file: file.to_owned() });
        }
        for end in [b'\n', b'\r'] {
            octets.pop_if(|last| *last == end);
        }
        if octets.is_empty() { Err(SecretError::Empty { file: file.to_owned() }) } else { Ok(Self(octets)) }
    }

    /// What it consists of.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Why it is not a good one, if it is not.
    pub fn weakness(&self) -> Option<String> {
        let length = self.0.len();
        (length < FEW).then(|| format!("a key of {length} octets can be guessed from a tag: use {FEW} or more"))
    }

    /// Writes a new one into a new file that only its owner can read. An existing file stays as it is.
    pub fn generate(file: &Path) -> io::Result<()> {
        let mut octets = [0; NEW];
        File::open("/dev/urandom")?.read_exact(&mut octets)?;
        let mut opened = File::options().write(true).create_new(true).mode(0o600).open(file)?;
        let written = writeln!(opened, "{}", BASE64.encode(&octets)).and_then(|()| opened.sync_all());
        // Half a key would be used by the next who finds it there.
        written.inspect_err(|_| drop(std::fs::remove_file(file)))
    }
}

fn safe(file: &Path, metadata: &Metadata, runs_this: u32) -> Result<(), SecretError> {
    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    let harmless = if is_credential(file, metadata) { GROUP_READS } else { 0 };
    if mode & OTHERS & !harmless != 0 {
        return Err(SecretError::Open { file: file.to_owned(), mode });
    }
    if ![0, owner].contains(&runs_this) && owner != 0 {
        return Err(SecretError::Owner { file: file.to_owned(), owner: name(owner), user: name(runs_this) });
    }
    Ok(())
}

/// systemd gives a credential (systemd.exec(5), `LoadCredential=`) to the service's user, or, where the file system has
/// access control lists, to root, and lets the user read it by such a list. The mode then shows what the list allows at most in place of what the group may do (acl(5)), and
/// the group is root's: nobody else is let in by it.
fn is_credential(file: &Path, metadata: &Metadata) -> bool {
    let is_roots = metadata.uid() == 0 && metadata.gid() == 0;
    let directory = file.canonicalize().ok().and_then(|file| file.parent().map(Path::to_owned));
    // Also for those who ask without being the service: `config check`, `batv verify`.
    let is_service = |directory: &Path| directory.parent() == Some(Path::new(CREDENTIALS));
    let given = std::env::var_os("CREDENTIALS_DIRECTORY").and_then(|given| Path::new(&given).canonicalize().ok());
    is_roots && directory.is_some_and(|directory| is_service(&directory) || given.as_deref() == Some(&*directory))
}

fn user() -> String {
    name(rustix::process::geteuid().as_raw())
}

/// The name of a user, or the number of one without.
fn name(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let uid = uid.to_string();
    let is_it = |line: &&str| line.split(':').nth(2) == Some(&*uid);
    let name = users.lines().find(is_it).and_then(|line| line.split(':').next());
    name.map_or(format!("user {uid}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use tempfile::TempDir;

    use super::*;

    fn file(content: &[u8], mode: u32) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("batv.key");
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        (directory, file)
    }

    #[test]
    fn the_text_without_its_line_end_is_the_key() {
        for (content, expected) in [
            ("a secret that is long", "a secret that is long"),
            ("a secret that is long\n", "a secret that is long"),
            ("a secret that is long\r\n", "a secret that is long"),
            ("a secret that is long\n\n", "a secret that is long\n"),
            (" blanks count \n", " blanks count "),
        ] {
            let (_directory, file) = file(content.as_bytes(), 0o400);
            assert_eq!(Secret::read(&file).unwrap().octets(), expected.as_bytes(), "{content:?}");
        }
    }

    #[test]
    fn a_key_that_others_may_use_is_refused() {
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o666] {
            let (_directory, file) = file(b"a secret that is long\n", mode);
            let error = Secret::read(&file).err().unwrap();
            assert!(error.to_string().contains(&format!("(mode {mode:04o})")), "{error}");
            assert_eq!(error.cure(), Some(format!("chmod 600 {}", file.display())));
        }
    }

    #[test]
    fn a_key_is_for_its_owner_and_root() {
        let (_directory, file) = file(b"a secret that is long\n", 0o600);
        let metadata = fs::metadata(&file).unwrap();
        for user in [0, metadata.uid()] {
            safe(&file, &metadata, user).unwrap();
        }
        if chown(&file, Some(12345), None).is_ok() {
            let error = safe(&file, &fs::metadata(&file).unwrap(), 12346).unwrap_err().to_string();
            assert!(
                error.contains("belongs to user 12345, and not to root or to user 12346, who runs this"),
                "{error}"
            );
        } // only root can give files away
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let error = safe(&file, &fs::metadata(&file).unwrap(), 0).unwrap_err().to_string();
        assert!(error.contains("(mode 0644)"), "that is wrong whoever asks: {error}");
    }

    #[test]
    fn what_is_no_key_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let message = |file: &Path| Secret::read(file).err().unwrap().to_string();
        assert!(message(directory.path()).ends_with("is no file"));
        assert!(
            message(&directory.path().join("none")).contains("No such file or directory (os error 2) (running as ")
        );
        for (content, expected) in [("", "is empty"), ("\n", "is empty"), (&*"x".repeat(5000), "more than 4096 octets")]
        {
            let (_directory, file) = file(content.as_bytes(), 0o600);
            assert!(message(&file).contains(expected), "{expected}");
        }
    }

    #[test]
    fn a_short_key_is_weak() {
        for (length, weak) in [(1, true), (15, true), (16, false)] {
            let (_directory, file) = file(&vec![b'x'; length], 0o600);
            assert_eq!(Secret::read(&file).unwrap().weakness().is_some(), weak, "{length}");
        }
    }

    #[test]
    fn a_new_key_is_long_and_for_its_owner_and_no_key_is_ever_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
        for file in [&one, &two] {
            Secret::generate(file).unwrap();
            assert_eq!(fs::metadata(file).unwrap().mode() & 0o7777, 0o600);
            let text = fs::read_to_string(file).unwrap();
            assert_eq!(BASE64.decode(text.trim_end().as_bytes()).unwrap().len(), NEW);
        }
        let before = fs::read(&one).unwrap();
        assert_ne!(before, fs::read(&two).unwrap());
        assert_eq!(Secret::generate(&one).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&one).unwrap(), before);
    }
}
