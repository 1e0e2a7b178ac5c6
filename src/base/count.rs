//! Counters: plain numbers that a worker owns, published together and summed when somebody reads them.

/// A group of counters, walked in the order of declaration.
pub trait Counts {
    /// Calls `visit` with each counter's name, help text and value.
    fn each(&self, visit: &mut dyn FnMut(&'static str, &'static str, u64));
}

/// Declares a struct of `u64` counters, each with a doc comment that is also its help text.
#[macro_export]
macro_rules! counts {
    ($(#[doc = $about:literal])* pub struct $name:ident { $(#[doc = $help:literal] $field:ident,)* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Default, Debug, PartialEq, Eq)]
        pub struct $name { $(#[doc = $help] pub $field: u64,)* }

        impl $crate::base::Counts for $name {
            fn each(&self, visit: &mut dyn FnMut(&'static str, &'static str, u64)) {
                $(visit(stringify!($field), $help.trim_ascii(), self.$field);)*
            }
        }
    };
}
pub use counts;
