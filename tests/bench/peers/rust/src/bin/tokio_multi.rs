//! tokio's multi-thread runtime, the default: a worker thread per usable processor.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Spawned, so that a worker accepts: the future of main is not polled by a worker.
    tokio::spawn(peers::tokio_echo::serve()).await?
}
