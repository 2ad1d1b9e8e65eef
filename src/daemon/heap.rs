//! Giving memory back after a burst.
//!
//! The allocator of glibc keeps what was freed for the next burst, which may never come: pages in the middle of its heaps stay
//! resident until it is told to look for them (malloc_trim(3)).

/// While so much more or less comes into use between two looks there is work going on, which needs the memory again at once.
const CALM: usize = 512 * 1024;

/// Watches how much memory is in use.
#[derive(Default)]
pub(super) struct Heap {
    in_use: usize,
    /// All that can be given back was.
    done: bool,
}

impl Heap {
    /// To be called every few seconds: gives back what a burst has left behind, once after each.
    pub(super) fn look(&mut self) {
        let in_use = glibc::in_use();
        let calm = in_use.abs_diff(self.in_use) < CALM;
        if calm && !self.done {
            glibc::give_back();
        }
        *self = Self { in_use, done: calm };
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "there is no safe way to ask the allocator for this")]
mod glibc {
    /// Octets that are allocated.
    pub(super) fn in_use() -> usize {
        // SAFETY: mallinfo2(3) only counts, and may be called from any thread.
        let counts = unsafe { libc::mallinfo2() };
        counts.uordblks + counts.hblkhd
    }

    /// Gives what is not in use back to the system.
    pub(super) fn give_back() {
        // SAFETY: malloc_trim(3) touches only what nobody uses, and may be called from any thread.
        unsafe { libc::malloc_trim(0) };
    }
}

/// Other allocators give back by themselves what they can.
#[cfg(not(target_env = "gnu"))]
mod glibc {
    pub(super) fn in_use() -> usize {
        0
    }

    pub(super) fn give_back() {}
}
