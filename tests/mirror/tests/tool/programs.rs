//! Programs from outside the project, and the tool's output for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A temporary folder for a test's programs.
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// An empty folder.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}", "programs", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self { folder }
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes an executable file.
    pub fn script(&self, name: &str, text: &str) -> String {
        let path = self.file(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Compiles a C program, whose `main` has this body.
    pub fn c(&self, name: &str, body: &str, options: &[&str]) -> String {
        let headers = [
            "arpa/inet.h",
            "errno.h",
            "fcntl.h",
            "netinet/in.h",
            "pthread.h",
            "signal.h",
            "stdio.h",
            "stdlib.h",
            "string.h",
            "sys/mman.h",
            "sys/resource.h",
            "sys/sendfile.h",
            "sys/socket.h",
            "sys/stat.h",
            "sys/un.h",
            "sys/wait.h",
            "time.h",
            "unistd.h",
        ];
        let headers: String = headers.iter().map(|h| format!("#include <{h}>\n")).collect();
        let text = format!("#define _GNU_SOURCE\n{headers}{HELPERS}int main(void)\n{{\n{body}\nreturn 0;\n}}\n");
        let (source, program) = (self.file(&format!("{name}.c"), &text), self.path(name));
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut words = compiler.split_whitespace();
        run(Command::new(words.next().unwrap())
            .args(words)
            .args(["-O1", "-w", "-pthread", "-o"])
            .arg(&program)
            .arg(source)
            .args(options));
        program.to_str().unwrap().to_owned()
    }

    /// Compiles a Rust program with std.
    pub fn rust(&self, name: &str, text: &str, options: &[&str]) -> String {
        let (source, program) = (self.file(&format!("{name}.rs"), text), self.path(name));
        run(Command::new("rustc").args(["-O", "-o"]).arg(&program).arg(source).args(options));
        program.to_str().unwrap().to_owned()
    }

    /// The command that compares two programs in the one scenario that these lines of TOML make.
    pub fn compare(&self, left: &str, right: &str, scenario: &str) -> Command {
        let head = "program = \"p\"\n[[scenario]]\nname = \"run\"\nabout = \"It runs.\"\n";
        let scenarios = self.file("scenarios.toml", &format!("{head}{scenario}\n"));
        let mut command = mirror();
        command
            .args(["compare", "--left", left, "--right", right, "--scenarios"])
            .arg(scenarios)
            .arg("--output")
            .arg(self.path("output"));
        command
    }

    /// Another subcommand for two programs and a scenario.
    pub fn command(&self, subcommand: &str, left: &str, right: &str, scenario: &str) -> Command {
        let compare = self.compare(left, right, scenario);
        let mut command = mirror();
        command.arg(subcommand).args(compare.get_args().skip(1)).env("COLUMNS", "140");
        command
    }

    /// Compares them.
    pub fn verdict(&self, left: &str, right: &str, scenario: &str) -> Said {
        Said::from(self.compare(left, right, scenario))
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        // Kept for inspection if the test has failed.
        if !std::thread::panicking() {
            _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Helpers for the C programs.
const HELPERS: &str = "
static int serve(int type)
{
    int sock = socket(AF_INET, type, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(5000)};
    bind(sock, (struct sockaddr *)&address, sizeof(address));
    if (type == SOCK_STREAM) { listen(sock, 5); return accept(sock, NULL, NULL); }
    return sock;
}
static int file_with(const char *text)
{
    int file = memfd_create(\"x\", 0);
    ftruncate(file, strlen(text));
    memcpy(mmap(NULL, strlen(text), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), text, strlen(text));
    return file;
}
static void rest(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}
static void *nothing(void *argument) { return argument; }
";

/// The tool.
pub fn mirror() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mirror"))
}

/// The output and the exit status of a command.
#[derive(Debug)]
pub struct Said {
    /// Its exit status.
    pub status: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl From<Command> for Said {
    fn from(mut command: Command) -> Self {
        Self::from(command.output().unwrap())
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Self { status: output.status.code(), stdout, stderr }
    }
}

impl Said {
    /// Asserts the exit status, and that the output contains this text.
    #[track_caller]
    pub fn is(&self, status: i32, text: &str) {
        let said = format!("{}{}", self.stdout, self.stderr);
        let right = self.status == Some(status) && said.contains(text);
        assert!(right, "expected {status} and {text:?}, got {:?} and\n{said}", self.status);
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
