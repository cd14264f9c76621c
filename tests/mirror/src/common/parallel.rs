//! Runs independent jobs on all processors and delivers the results in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Calls `work` for every item, on one thread per usable processor; the second argument is the
/// thread's processor. `done` receives the results in the order of the items, each as soon as it
/// and all earlier ones are available. The first error stops the work.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T, usize) -> Result<R> + Sync,
    mut done: impl FnMut(usize, R) -> Result<()>,
) -> Result<()> {
    let processors = processors()?;
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for processor in processors {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else {
                        return;
                    };
                    if sender.send((index, work(item, processor))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut expected = 0;
        while let Ok((index, result)) = receiver.recv() {
            waiting.insert(index, result?);
            while let Some(result) = waiting.remove(&expected) {
                done(expected, result)?;
                expected += 1;
            }
        }
        Ok(())
    })
}

/// The processors in this process's affinity mask.
pub fn processors() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::this())?;
    let allowed = |&processor: &usize| set.is_set(processor).unwrap_or(false);
    let processors: Vec<usize> = (0..CpuSet::count()).filter(allowed).collect();
    ensure!(!processors.is_empty(), "no usable processor");
    Ok(processors)
}

/// Pins this process and all that it starts to one processor.
pub fn pin(processor: usize) -> Result<()> {
    let mut processors = CpuSet::new();
    processors.set(processor)?;
    sched_setaffinity(Pid::this(), &processors).with_context(|| format!("cannot run on processor {processor}"))
}
