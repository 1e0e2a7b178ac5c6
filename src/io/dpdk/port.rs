//! The ports: configured with a queue pair for each worker, counted and watched from the control thread.
#![allow(unsafe_code)] // calls into DPDK's ethdev

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::ffi::CString;
use std::sync::Arc;

use dpdk_sys::{rte_eth_conf, rte_eth_dev_info, rte_eth_stats};

use super::eal::{Device, LogCapture};
use super::mempool::Mempool;
use super::{DpdkIo, Eal, explain};
use crate::base::PortId;
use crate::io::toeplitz::KEY;
use crate::io::{PortCounts, ROOM};

/// How the ports are set up.
#[derive(Clone, Debug)]
pub struct PortsConfig {
    /// Queue pairs of each port: the number of workers.
    pub workers: usize,
    /// Frames in the pool, for all ports and workers.
    pub frames: u32,
    /// Descriptors of a receive or transmit queue; virtual devices have their own options for it.
    pub descriptors: u16,
}

impl Default for PortsConfig {
    fn default() -> Self {
        Self { workers: 1, frames: 16_384, descriptors: 1024 }
    }
}

/// What we count ourselves for one queue of a port: written by its worker alone, read by control.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct QueueCounts {
    pub(super) received: AtomicU64,
    pub(super) received_octets: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) sent_octets: AtomicU64,
    pub(super) too_long: AtomicU64,
    pub(super) send_dropped: AtomicU64,
}

/// Adds to a counter that only the calling thread writes.
#[inline]
pub(super) fn add(counter: &AtomicU64, count: usize) {
    counter.store(counter.load(Ordering::Relaxed) + count as u64, Ordering::Relaxed);
}

/// A started port.
pub(super) struct Port {
    /// DPDK's number of it.
    pub(super) number: u16,
    pub(super) mac: [u8; 6],
    pub(super) mtu: usize,
    pub(super) queues: Box<[QueueCounts]>,
    device: Device,
    driver: String,
    hashes: bool,
}

impl Port {
    /// A counter of ours, all queues together.
    fn sum(&self, counter: fn(&QueueCounts) -> &AtomicU64) -> u64 {
        self.queues.iter().map(|queue| counter(queue).load(Ordering::Relaxed)).sum()
    }

    fn is_up(&self) -> bool {
        // SAFETY: the port is started; `Ports`, through `&mut self`, is the only one to ask.
        unsafe { dpdk_sys::shim_link_is_up(self.number) == 1 }
    }

    fn stats(&self) -> rte_eth_stats {
        let mut stats = MaybeUninit::zeroed();
        // SAFETY: the port is started; `stats` is DPDK's struct, of plain numbers for which zero is a value;
        // `Ports`, through `&mut self`, is the only one to ask.
        unsafe {
            dpdk_sys::rte_eth_stats_get(self.number, stats.as_mut_ptr());
            stats.assume_init()
        }
    }
}

/// The started ports, stopped and closed when the last holder drops them.
pub(super) struct Started(pub(super) Vec<Port>);

impl Drop for Started {
    fn drop(&mut self) {
        for port in &self.0 {
            // SAFETY: the port is started, and nobody polls it: those who do hold this list.
            unsafe {
                dpdk_sys::rte_eth_dev_stop(port.number);
                dpdk_sys::rte_eth_dev_close(port.number);
            }
        }
    }
}

/// All ports, as the control thread sees them. Not `Clone`: DPDK wants one caller of these functions at a
/// time.
pub struct Ports {
    started: Arc<Started>,
    pool: Mempool,
    log: String,
}

impl Ports {
    /// Configures and starts every device of `eal`, in order; port *n* is device *n*. Returns a view for each
    /// worker.
    ///
    /// # Errors
    /// Names the port and its devargs, what failed, and what DPDK says about it.
    pub fn open(eal: &Eal, config: &PortsConfig) -> Result<(Self, Vec<DpdkIo>), String> {
        let workers = u16::try_from(config.workers).ok().filter(|&workers| workers > 0);
        let workers = workers.ok_or("there must be 1 to 65,535 workers")?;
        let numbers: Vec<u16> = eal
            .devices
            .iter()
            .map(|device| number(device).ok_or_else(|| missing(device, eal.log())))
            .collect::<Result<_, _>>()?;
        // SAFETY: any number is allowed; DPDK answers -1 for a port without a memory node.
        let node = numbers.first().map_or(-1, |&number| unsafe { dpdk_sys::rte_eth_dev_socket_id(number) });
        let pool = Mempool::new(config.frames, config.workers, node)?;
        let mut started = Started(Vec::with_capacity(numbers.len()));
        let mut log = String::new();
        for (device, number) in eal.devices.iter().zip(numbers) {
            let capture = LogCapture::start();
            let port = Setup { number, workers, config, pool }.start(device);
            let said = capture.finish();
            started.0.push(port.map_err(|why| format!("port {device} does not start: {why}\n{said}"))?);
            log += &said;
        }
        let started = Arc::new(started);
        let io = (0..workers).map(|queue| DpdkIo::new(queue, started.clone(), pool)).collect();
        Ok((Self { started, pool, log }, io))
    }

    /// How many ports there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.started.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What DPDK wrote while the ports started: empty, or warnings line by line.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }

    fn port(&self, port: PortId) -> Option<&Port> {
        self.started.0.get(usize::from(port.0))
    }

    /// One line for the log: name, driver, MAC address, queues and how they are chosen.
    #[must_use]
    pub fn describe(&self, port: PortId) -> String {
        let Some(port) = self.port(port) else { return "no such port".to_owned() };
        let mac: Vec<String> = port.mac.iter().map(|octet| format!("{octet:02x}")).collect();
        let choice = if port.hashes { "by the port's hash" } else { "as they come" };
        format!(
            "{} driver {} mac {} mtu {} queues {} {choice}",
            port.device.name,
            port.driver,
            mac.join(":"),
            port.mtu,
            port.queues.len()
        )
    }

    /// Whether the port's link is up.
    pub fn is_up(&mut self, port: PortId) -> bool {
        self.port(port).is_some_and(Port::is_up)
    }

    /// What the port has counted since it started. Frames and octets are those that the workers saw; the rest
    /// is the driver's, and with memif starts again from 0 when the peer goes.
    pub fn counts(&mut self, port: PortId) -> PortCounts {
        let Some(port) = self.port(port) else { return PortCounts::default() };
        let driver = port.stats();
        PortCounts {
            received: port.sum(|queue| &queue.received),
            sent: port.sum(|queue| &queue.sent),
            received_octets: port.sum(|queue| &queue.received_octets),
            sent_octets: port.sum(|queue| &queue.sent_octets),
            missed: driver.imissed,
            receive_errors: driver.ierrors,
            send_errors: driver.oerrors,
            no_frame: driver.rx_nombuf,
            too_long: port.sum(|queue| &queue.too_long),
            send_dropped: port.sum(|queue| &queue.send_dropped),
        }
    }

    /// What is wrong with the port's set-up, as far as its counts show it while the link is up.
    pub fn fault(&mut self, port: PortId) -> Option<String> {
        let port = self.port(port)?;
        if port.driver != "net_memif" || !port.is_up() {
            return None;
        }
        // Our count first: whatever is received meanwhile only makes the driver's larger, which leaves out
        // the queues that the client has no rings for.
        let ours = port.sum(|queue| &queue.received);
        let driver = port.stats().ipackets;
        (driver < ours && port.is_up()).then(|| {
            format!(
                "port {}: the memif client has fewer queues than the {} of this side, and frames arrive twice; \
                 remedy: the same number of workers on both sides",
                port.device,
                port.queues.len()
            )
        })
    }

    /// How many frames the pool has left.
    #[must_use]
    pub fn available(&self) -> usize {
        self.pool.available()
    }
}

/// DPDK's number of a device that started. A PCI address may be given without its domain.
fn number(device: &Device) -> Option<u16> {
    [device.name.clone(), format!("0000:{}", device.name)].into_iter().find_map(|name| {
        let name = CString::new(name).ok()?;
        let mut number = 0;
        // SAFETY: a NUL-terminated name and a place for the number.
        (unsafe { dpdk_sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &raw mut number) } == 0)
            .then_some(number)
    })
}

fn missing(device: &Device, log: &str) -> String {
    let said =
        if log.is_empty() { "DPDK says nothing about it: is the driver's library installed?" } else { log };
    format!("port {device} is not there: DPDK could not start it\n{said}")
}

/// What it takes to start one port.
struct Setup<'a> {
    number: u16,
    workers: u16,
    config: &'a PortsConfig,
    pool: Mempool,
}

impl Setup<'_> {
    fn start(&self, device: &Device) -> Result<Port, String> {
        let info = self.info()?;
        // SAFETY: DPDK gives a NUL-terminated name that lives as long as the driver.
        let driver = unsafe { CStr::from_ptr(info.driver_name) }.to_string_lossy().into_owned();
        self.check_queues(&info, &driver)?;
        let hashes = self.configure(&info)?;
        if device.is_pci() {
            self.check_frames()?;
        }
        self.queues()?;
        // SAFETY: the port is configured and nobody else uses it yet.
        done("start", unsafe { dpdk_sys::rte_eth_dev_start(self.number) })?;
        // SAFETY: the port is started. Neighbour discovery (IPv6) comes by multicast; a port that can't
        // filter receives it anyway, so a refusal is no fault.
        unsafe { dpdk_sys::rte_eth_allmulticast_enable(self.number) };
        Ok(Port {
            number: self.number,
            mac: self.mac()?,
            mtu: self.mtu()?,
            queues: (0..self.workers).map(|_| QueueCounts::default()).collect(),
            device: device.clone(),
            driver,
            hashes,
        })
    }

    fn info(&self) -> Result<rte_eth_dev_info, String> {
        let mut info = MaybeUninit::zeroed();
        // SAFETY: `info` is DPDK's struct, and zero is a value of each of its fields.
        let result = unsafe { dpdk_sys::rte_eth_dev_info_get(self.number, info.as_mut_ptr()) };
        done("ask for its abilities", result)?;
        // SAFETY: initialised to zero and then by DPDK.
        Ok(unsafe { info.assume_init() })
    }

    fn check_queues(&self, info: &rte_eth_dev_info, driver: &str) -> Result<(), String> {
        let (workers, offered) = (self.workers, info.max_rx_queues.min(info.max_tx_queues));
        // The kernel spreads frames over all of an af_packet port's sockets: one that nobody polls loses its
        // share.
        let exactly = driver == "net_af_packet";
        if offered < workers || exactly && offered != workers {
            let remedy = match driver {
                "net_af_packet" => format!("qpairs={workers} in the devargs"),
                "net_af_xdp" => format!("queue_count={workers} in the devargs"),
                _ => "as many workers as it has queues".to_owned(),
            };
            return Err(format!("it has {offered} queue pairs for {workers} workers; remedy: {remedy}"));
        }
        Ok(())
    }

    /// Whether the port hashes.
    fn configure(&self, info: &rte_eth_dev_info) -> Result<bool, String> {
        // SAFETY: plain numbers, unions of those and pointers that may be null: zero is a value, DPDK's
        // default.
        let mut conf: rte_eth_conf = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: a constant of the shim.
        let hash = info.flow_type_rss_offloads & unsafe { dpdk_sys::shim_rss_wanted };
        let hashes = self.workers > 1 && hash != 0;
        let mut key = KEY;
        if hashes {
            conf.rxmode.mq_mode = dpdk_sys::rte_eth_rx_mq_mode_RTE_ETH_MQ_RX_RSS;
            let mut rss =
                dpdk_sys::rte_eth_rss_conf { rss_key: ptr::null_mut(), rss_key_len: 0, rss_hf: hash };
            if usize::from(info.hash_key_size) == key.len() {
                (rss.rss_key, rss.rss_key_len) = (key.as_mut_ptr(), info.hash_key_size);
            }
            conf.rx_adv_conf.rss_conf = rss;
        }
        // SAFETY: the configuration, and the key that it may point to, live through the call; DPDK copies
        // both.
        let result = unsafe {
            dpdk_sys::rte_eth_dev_configure(self.number, self.workers, self.workers, &raw const conf)
        };
        done("configure", result)?;
        Ok(hashes)
    }

    /// A card keeps frames in its rings; virtual devices copy, or take few.
    fn check_frames(&self) -> Result<(), String> {
        let held = 2 * u32::from(self.workers) * u32::from(self.config.descriptors);
        if held * 2 > self.config.frames {
            return Err(format!(
                "its rings may hold {held} of the pool's {} frames, more than half; \
                 remedy: more frames or fewer descriptors",
                self.config.frames
            ));
        }
        Ok(())
    }

    fn queues(&self) -> Result<(), String> {
        let (mut rx, mut tx) = (self.config.descriptors, self.config.descriptors);
        // SAFETY: places for two numbers, which DPDK brings into the driver's limits.
        let result =
            unsafe { dpdk_sys::rte_eth_dev_adjust_nb_rx_tx_desc(self.number, &raw mut rx, &raw mut tx) };
        done("fit the descriptors", result)?;
        // SAFETY: asks about a port that exists.
        let node = unsafe { dpdk_sys::rte_eth_dev_socket_id(self.number) } as u32;
        for queue in 0..self.workers {
            // SAFETY: the port is configured with these queues and not started; null takes the driver's
            // defaults; the pool lives as long as the process.
            let result = unsafe {
                dpdk_sys::rte_eth_rx_queue_setup(
                    self.number,
                    queue,
                    rx,
                    node,
                    ptr::null(),
                    self.pool.as_ptr(),
                )
            };
            done("set up a receive queue", result)?;
            // SAFETY: as above.
            let result =
                unsafe { dpdk_sys::rte_eth_tx_queue_setup(self.number, queue, tx, node, ptr::null()) };
            done("set up a transmit queue", result)?;
        }
        Ok(())
    }

    fn mac(&self) -> Result<[u8; 6], String> {
        let mut address = dpdk_sys::rte_ether_addr { addr_bytes: [0; 6] };
        // SAFETY: a place for the address.
        done("ask for its address", unsafe { dpdk_sys::rte_eth_macaddr_get(self.number, &raw mut address) })?;
        Ok(address.addr_bytes)
    }

    /// What it sends, or what a frame has room for if that is less.
    fn mtu(&self) -> Result<usize, String> {
        /// Ethernet header and two VLAN tags.
        const HEADERS: usize = 14 + 8;
        let mut mtu = 0;
        // SAFETY: a place for the number.
        done("ask for its MTU", unsafe { dpdk_sys::rte_eth_dev_get_mtu(self.number, &raw mut mtu) })?;
        Ok(usize::from(mtu).min(ROOM - HEADERS))
    }
}

/// DPDK's result as ours; `what` says what was tried.
fn done(what: &str, result: i32) -> Result<(), String> {
    if result < 0 { Err(format!("could not {what}: {}", explain(result))) } else { Ok(()) }
}
