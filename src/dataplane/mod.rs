//! The worker: one core that polls its queues and runs every packet to completion.
