//! tokio's current-thread runtime: one thread does everything, as in this project's servers.

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    peers::tokio_echo::serve().await
}
