//! How long the user waits when a path dies under load, and when he is told that all paths are dead, with the timers of
//! signalling networks.
