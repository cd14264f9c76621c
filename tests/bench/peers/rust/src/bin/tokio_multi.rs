//! tokio's multi-thread runtime, the default: a worker for each processor that it may run on.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A task of its own, so that a worker accepts: what main itself awaits is polled by no worker.
    tokio::spawn(peers::tokio_echo::serve()).await?
}
