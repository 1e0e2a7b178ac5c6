//! The control thread of a simulated gateway: its logic with the mailboxes, at a pace that chance sets.

use super::disk::Disk;
use crate::base::Random;
use crate::base::Time;
use crate::control::Mailbox;
use crate::control::registrar::{Outbox, Registrar};
use crate::gateway::mailbox::ToWorker;
use crate::ident::WorkerId;
use core::time::Duration;
use std::collections::VecDeque;

/// At most so many messages are taken from a mailbox at a time.
const BATCH: u64 = 64;
/// How soon a full ring to a worker is tried again.
const RETRY: Duration = Duration::from_millis(1);

/// The control thread's part of a gateway.
pub(super) struct Control {
    pub(super) registrar: Registrar,
    posts: Vec<Post>,
    /// What the logic says to workers, between its call and the posts.
    said: Outbox,
    /// Where registrations are kept, if they are.
    pub(super) disk: Option<Disk>,
}

struct Post {
    mailbox: Mailbox,
    /// What had no room in the ring yet.
    waiting: VecDeque<ToWorker>,
}

impl Control {
    pub(super) fn new(registrar: Registrar, mailboxes: Vec<Mailbox>, disk: Option<Disk>) -> Self {
        let posts = mailboxes.into_iter().map(|mailbox| Post { mailbox, waiting: VecDeque::new() }).collect();
        Self { registrar, posts, said: vec![], disk }
    }

    /// Whether a worker has asked for something.
    pub(super) fn has_post(&self) -> bool {
        self.posts.iter().any(|post| !post.mailbox.from.is_empty())
    }

    /// Says something to a worker.
    pub(super) fn tell(&mut self, to: WorkerId, message: ToWorker) {
        self.posts[usize::from(to.0)].waiting.push_back(message);
    }

    /// Takes some of what the workers have asked for, from whichever first, and says what there is to say. Whether there
    /// was anything; `told` gets to know which workers have something to read.
    pub(super) fn turn(&mut self, now: Time, random: &mut Random, told: &mut dyn FnMut(WorkerId)) -> bool {
        let mut any = false;
        if now >= self.registrar.poll_timeout() {
            self.registrar.handle_timeout(now, &mut self.said);
        }
        if self.has_post() {
            any = true;
            let count = self.posts.len();
            let first = random.below(count as u64) as usize;
            for at in (first..count).chain(0..first) {
                for _ in 0..=random.below(BATCH) {
                    let Some(request) = self.posts[at].mailbox.from.pop() else { break };
                    self.registrar.handle(now, request, &mut self.said);
                }
            }
        }
        if let Some(disk) = &mut self.disk {
            any |= disk.turn(now, &mut self.registrar, random, &mut self.said);
        }
        for (to, message) in core::mem::take(&mut self.said) {
            self.tell(to, message);
        }
        for post in &mut self.posts {
            while let Some(message) = post.waiting.pop_front() {
                any = true;
                told(post.mailbox.worker);
                if let Err(message) = post.mailbox.to.push(message) {
                    post.waiting.push_front(message);
                    break;
                }
            }
        }
        any
    }

    /// When there is something to do, if no worker asks until then.
    pub(super) fn poll_timeout(&self, now: Time) -> Time {
        let disk = self.disk.as_ref().map_or(Time::NEVER, Disk::poll_timeout);
        let due = self.registrar.poll_timeout().min(disk);
        match self.posts.iter().all(|post| post.waiting.is_empty()) {
            true => due,
            false => due.min(now + RETRY),
        }
    }
}
