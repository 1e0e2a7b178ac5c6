//! The gateway dies, and while it is away its HLR forgets some whom it serves and comes to believe in others: the next life
//! finds both, and repairs them.

use core::time::Duration;

use ipsmgw::control::registrar::AuditCounts;

use crate::script::Run;

/// What all lives of some gateways have repaired.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Repaired {
    pub(crate) registered: u64,
    pub(crate) deregistered: u64,
    /// Told again without having been asked.
    pub(crate) asserted: u64,
    /// No answer.
    pub(crate) failed: u64,
}

impl Repaired {
    pub(crate) fn add(&mut self, other: Self) {
        self.registered += other.registered;
        self.deregistered += other.deregistered;
        self.asserted += other.asserted;
        self.failed += other.failed;
    }
}

impl From<&AuditCounts> for Repaired {
    fn from(counts: &AuditCounts) -> Self {
        Self {
            registered: counts.repaired_registered,
            deregistered: counts.repaired_deregistered,
            asserted: counts.asserted,
            failed: counts.failed,
        }
    }
}

fn audited(run: &Run) -> Repaired {
    run.world.simulation.registrar(run.world.gateway).audit_counts().into()
}

/// It dies, is away, and lives again; service centres have messages for everybody by then.
fn die(run: &mut Run) -> Repaired {
    let repaired = audited(run);
    run.note("the gateway dies".into());
    run.world.simulation.crash(run.world.gateway);
    for subscriber in 0..run.subscribers {
        let is_here = match run.random.below(3) {
            0 => continue,
            chance => chance == 1,
        };
        run.note(format!("HLR believes in s{subscriber}: {is_here}"));
        run.world.on_hlr(|hlr, now, _| hlr.believe(now, subscriber, is_here));
    }
    let away = run.span(3_000);
    run.world.simulation.pass(away);
    run.world.start_again();
    run.note("and lives".into());
    run.disturbed = run.world.now();
    if run.random.below(2) == 0 {
        // Somebody may register before the HLR is asked about him.
        run.act();
    }
    // Messages come early, and again when what was under way with the HLR has ended.
    for _ in 0..2 {
        while !run.world.is_active() {
            run.pass(Duration::from_secs(1));
        }
        for subscriber in 0..run.subscribers {
            run.world.on_hlr(|hlr, now, cx| hlr.forward(now, subscriber, cx));
        }
        run.pass(Duration::from_secs(4));
    }
    repaired
}

/// One seed.
pub(crate) fn run(seed: u64) -> Repaired {
    let mut run = Run::new(seed, true);
    let mut repaired = Repaired::default();
    for _ in 0..2 {
        for _ in 0..8 + run.random.below(12) {
            run.act();
            let pause = run.span(2_000);
            run.pass(pause);
        }
        repaired.add(die(&mut run));
        // The next may come in the middle of the audit.
        if run.random.below(3) == 0 {
            repaired.add(die(&mut run));
        }
    }
    run.settle();
    assert!(run.agree(), "table and HLR");
    repaired.add(audited(&run));
    repaired
}
