//! Does independent work on every processor and hands the results on in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use anyhow::{Result, ensure};
use nix::sched::sched_getaffinity;
use nix::unistd::Pid;

/// Calls `work` for every item, on one thread for each processor that may be used; the thread's
/// processor is its second argument. `done` gets the results in the order of the items, each as
/// soon as it and all before it are there. The first error ends the work.
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

/// The processors that this process may use.
pub fn processors() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::this())?;
    let allowed = |&processor: &usize| set.is_set(processor).unwrap_or(false);
    let processors: Vec<usize> = (0..nix::sched::CpuSet::count()).filter(allowed).collect();
    ensure!(!processors.is_empty(), "no processor may be used");
    Ok(processors)
}
