//! DPDK's environment (EAL): its memory, its drivers and its devices, once in a process.
#![allow(unsafe_code)] // calls into DPDK and libc at start

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::ffi::CString;

use super::explain;

/// How DPDK starts.
#[derive(Clone, Debug, Default)]
pub struct EalConfig {
    /// Tells this process's DPDK files from those of others; letters, digits, `-` and `_`.
    pub file_prefix: String,
    /// Take memory from hugepages. Without them, any user may start it, but network cards may not work.
    pub huge: bool,
    /// Memory in megabytes, without hugepages; with them, as much as the pool needs is taken.
    pub memory_mb: u32,
    /// The ports in order: `net_…` devargs of a virtual device, or a PCI address and its devargs.
    pub devices: Vec<String>,
    /// Further EAL options, as they are.
    pub extra: Vec<String>,
}

impl EalConfig {
    fn devices(&self) -> Vec<Device> {
        self.devices.iter().map(|devargs| Device::parse(devargs)).collect()
    }

    /// What DPDK is started with, beginning with a program's name.
    ///
    /// # Errors
    /// Says what an option has that it can't have.
    pub fn arguments(&self) -> Result<Vec<CString>, String> {
        self.arguments_on(&self.devices(), &Affinity::of_this_thread()?)
    }

    fn arguments_on(&self, devices: &[Device], affinity: &Affinity) -> Result<Vec<CString>, String> {
        let mut arguments = vec![
            "ipsmgw".to_owned(),
            format!("--file-prefix={}", self.file_prefix),
            // One lcore for this thread, on any CPU it may use: the workers are threads of ours that register
            // themselves.
            format!("--lcores=0@({})", affinity.list()),
            "--no-telemetry".to_owned(),
            "--log-level=*:warning".to_owned(),
        ];
        if self.huge {
            arguments.push("--in-memory".to_owned());
        } else {
            arguments.extend(["--no-huge".to_owned(), "--no-shconf".to_owned(), "-m".to_owned()]);
            arguments.push(self.memory_mb.to_string());
        }
        if !devices.iter().any(Device::is_pci) {
            arguments.push("--no-pci".to_owned());
        }
        for (device, devargs) in devices.iter().zip(&self.devices) {
            arguments.push(if device.is_pci() {
                format!("--allow={devargs}")
            } else {
                format!("--vdev={devargs}")
            });
        }
        arguments.extend(self.extra.iter().cloned());
        arguments
            .into_iter()
            .map(|argument| {
                CString::new(argument).map_err(|error| format!("an EAL option has a NUL octet: {error}"))
            })
            .collect()
    }
}

/// A device as configured: its name, and what follows the first comma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) args: String,
}

impl Device {
    fn parse(devargs: &str) -> Self {
        let (name, args) = devargs.split_once(',').unwrap_or((devargs, ""));
        Self { name: name.trim().to_owned(), args: args.to_owned() }
    }

    /// A PCI address, `[dddd:]bb:dd.f`, rather than a virtual device's name.
    pub(super) fn is_pci(&self) -> bool {
        self.name.contains(':')
    }
}

impl core::fmt::Display for Device {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.args.is_empty() {
            write!(f, "`{}`", self.name)
        } else {
            write!(f, "`{}` (devargs `{}`)", self.name, self.args)
        }
    }
}

/// DPDK, started. There is one in a process, and it lasts as long as the process.
#[derive(Debug)]
pub struct Eal {
    pub(super) devices: Vec<Device>,
    log: String,
}

static STARTED: AtomicBool = AtomicBool::new(false);

impl Eal {
    /// Starts DPDK. Its own threads run where the calling thread may run, so pin that to the control CPUs
    /// before.
    ///
    /// # Errors
    /// What DPDK says, and the remedy where one is known. A device that fails to start isn't an error yet:
    /// [`super::Ports::open`] names it. A second start in a process is refused.
    pub fn init(config: &EalConfig) -> Result<Self, String> {
        let devices = config.devices();
        for (at, device) in devices.iter().enumerate() {
            if devices[..at].iter().any(|earlier| earlier.name == device.name) {
                return Err(format!(
                    "two ports are named `{}`: give each its own, as in net_memif0, net_memif1",
                    device.name
                ));
            }
        }
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err("DPDK is already started: it starts once in a process".to_owned());
        }
        let affinity = Affinity::of_this_thread()?;
        let arguments = config.arguments_on(&devices, &affinity)?;
        let mut pointers: Vec<*mut c_char> =
            arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let capture = LogCapture::start();
        // SAFETY: the pointers are to NUL-terminated strings that outlive the call; EAL permutes the array
        // and copies the strings that it keeps, but writes into none. This thread is the first to call it
        // (STARTED).
        let parsed = unsafe { dpdk_sys::rte_eal_init(pointers.len() as i32, pointers.as_mut_ptr()) };
        let log = capture.finish();
        affinity.restore();
        remove_runtime_directory();
        if parsed < 0 {
            // SAFETY: reads a thread-local number.
            let why = explain(unsafe { dpdk_sys::shim_errno() });
            return Err(does_not_start(config, &devices, &why, &log));
        }
        Ok(Self { devices, log })
    }

    /// What DPDK wrote while it started: warnings line by line, some of no consequence (that memif could not
    /// register an "mp action" only says that it doesn't share ports with a secondary process).
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }
}

fn does_not_start(config: &EalConfig, devices: &[Device], why: &str, log: &str) -> String {
    let remedy = if config.huge && log.to_lowercase().contains("hugepage") {
        "; remedy: reserve hugepages (sysctl vm.nr_hugepages=512), or start without them"
    } else {
        ""
    };
    match devices.iter().find(|device| log.contains(&format!("\"{}\"", device.name))) {
        Some(device) => format!("port {device} is not there: {why}; is its name right?\n{log}"),
        None => format!("DPDK does not start: {why}{remedy}\n{log}"),
    }
}

/// EAL makes a directory for files that it shares with other processes; as we start it, it shares none.
fn remove_runtime_directory() {
    // SAFETY: the path is EAL's own, empty if it got none, and lives as long as the process.
    let path = unsafe { CStr::from_ptr(dpdk_sys::rte_eal_get_runtime_dir()) };
    if let Ok(path) = path.to_str() {
        let _ = std::fs::remove_dir(path); // only if it is empty
    }
}

/// The CPUs that a thread may run on.
struct Affinity(libc::cpu_set_t);

impl Affinity {
    fn of_this_thread() -> Result<Self, String> {
        let mut set = MaybeUninit::zeroed();
        // SAFETY: `set` has the size given, and all-zero is a value of it.
        let failed =
            unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) } != 0;
        if failed {
            return Err(format!("sched_getaffinity: {}", std::io::Error::last_os_error()));
        }
        // SAFETY: initialised above, to zero and then by the kernel.
        Ok(Self(unsafe { set.assume_init() }))
    }

    /// The CPUs that DPDK can number, with commas.
    fn list(&self) -> String {
        let cpus: Vec<String> = (0..dpdk_sys::RTE_MAX_LCORE as usize)
            // SAFETY: CPU_ISSET reads a bit of the set; the number is below CPU_SETSIZE (1,024).
            .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &self.0) })
            .map(|cpu| cpu.to_string())
            .collect();
        cpus.join(",")
    }

    /// Gives this thread back its CPUs, which EAL narrows.
    fn restore(&self) {
        // SAFETY: reads the set. It can only fail if a CPU has gone offline since, and then the kernel has
        // chosen.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &self.0) };
    }
}

/// Collects what DPDK logs, so that an error can tell it.
pub(super) struct LogCapture {
    stream: *mut libc::FILE,
    /// Where the C library keeps the text's address and length; boxed, since it writes there until the stream
    /// closes.
    text: Box<(*mut c_char, usize)>,
}

impl LogCapture {
    pub(super) fn start() -> Self {
        let mut text = Box::new((ptr::null_mut(), 0));
        // SAFETY: both addresses are into the box, which lives until the stream is closed in `drop`.
        let stream = unsafe { libc::open_memstream(&raw mut text.0, &raw mut text.1) };
        if !stream.is_null() {
            // SAFETY: an open stream; DPDK's other threads lock it as any FILE. Closed only after it is taken
            // back.
            unsafe { dpdk_sys::rte_openlog_stream(stream.cast()) };
        }
        Self { stream, text }
    }

    /// What has been logged since the start; further lines go where DPDK sends them by itself.
    pub(super) fn finish(self) -> String {
        if self.stream.is_null() {
            return String::new();
        }
        // SAFETY: NULL restores DPDK's own stream, so nobody starts writing to ours; it is open, and after
        // the flush the text is NUL-terminated at the address that it left in the box.
        let text = unsafe {
            dpdk_sys::rte_openlog_stream(ptr::null_mut());
            libc::fflush(self.stream);
            CStr::from_ptr(self.text.0)
        };
        text.to_string_lossy().trim_end().to_owned()
    }
}

impl Drop for LogCapture {
    fn drop(&mut self) {
        if !self.stream.is_null() {
            // SAFETY: the stream is closed once, after DPDK has its own again; the text is from malloc
            // (open_memstream).
            unsafe {
                dpdk_sys::rte_openlog_stream(ptr::null_mut());
                libc::fclose(self.stream);
                libc::free(self.text.0.cast());
            }
        }
    }
}
