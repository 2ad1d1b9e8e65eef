//! Giving memory back after a burst.
//!
//! The allocator of glibc keeps what was freed for the next burst, which may never come: pages in the middle of its heaps stay
//! resident until it is told to look for them (malloc_trim(3)). And from the first large block that is freed it learns to put
//! blocks of that size into its heaps, too (mallopt(3)), where those that access lists are made in leave holes.

/// While so much more or less comes into use between two looks there is work going on, which needs the memory again at once.
const CALM: usize = 512 * 1024;

/// Blocks of so many octets are given back as soon as they are freed. There are none on the way of a request.
const LARGE: i32 = 1 << 20;

/// To be called once, at the start: sees to it that large blocks are given back at once.
pub(super) fn keep_large_blocks_apart() {
    glibc::keep_apart(LARGE);
}

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
#[expect(unsafe_code, reason = "there is no safe way to speak with the allocator")]
mod glibc {
    /// Octets that are allocated.
    pub(super) fn in_use() -> usize {
        // SAFETY: mallinfo2(3) only counts, and may be called from any thread.
        let counts = unsafe { libc::mallinfo2() };
        counts.uordblks + counts.hblkhd
    }

    /// Octets in blocks that came from the system each by itself.
    #[cfg(test)]
    pub(super) fn in_blocks_apart() -> usize {
        // SAFETY: as above.
        unsafe { libc::mallinfo2() }.hblkhd
    }

    /// Has blocks of this size and larger ones come from the system, each by itself, for good: nothing is learnt any more.
    pub(super) fn keep_apart(size: i32) {
        // SAFETY: mallopt(3) sets a number, and may be called from any thread.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, size) };
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

    pub(super) fn keep_apart(_: i32) {}

    pub(super) fn give_back() {}
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    /// Of what other tests need meanwhile, nothing is nearly as large.
    const SIZE: usize = 30 << 20;

    #[test]
    fn a_large_block_is_given_back_even_if_others_of_its_size_were_freed() {
        keep_large_blocks_apart();
        drop(std::hint::black_box(vec![1_u8; SIZE]));
        let before = glibc::in_blocks_apart();
        let block = std::hint::black_box(vec![1_u8; SIZE]);
        let grown = glibc::in_blocks_apart().saturating_sub(before);
        drop(block);
        assert!(grown >= SIZE / 2, "{grown}");
    }
}
