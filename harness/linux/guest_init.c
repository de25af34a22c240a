/* SPDX-License-Identifier: GPL-2.0-only */
/* The first process of a guest: mounts what is needed, runs the command, sends back what it left,
 * and turns the machine off. */
#define _GNU_SOURCE
#include "harness/harness.h"
#include "harness/linux/cpio.h"
#include "harness/linux/guest.h"
#include "harness/linux/guest_lines.h"

#include <dirent.h>
#include <limits.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

bool guest_is_init(void)
{
    return getpid() == 1 && !access(GUEST_ARGUMENTS, R_OK);
}

static _Noreturn void turn_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
    for (;;) /* the first process must not end */
        pause();
}

static void put_mount(const char *kind, const char *where)
{
    mkdir(where, 0755);
    if (mount(kind, where, kind, 0, NULL) && errno != EBUSY)
        fprintf(stderr, "guest: cannot mount %s: %s\n", where, strerror(errno));
}

/* Bytes as they are: lines end as the command ends them, nothing is echoed. */
static int open_line(const char *path)
{
    const int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios t;

    if (fd >= 0 && !tcgetattr(fd, &t)) {
        cfmakeraw(&t);
        cfsetspeed(&t, B115200);
        tcsetattr(fd, TCSANOW, &t);
    }
    return fd;
}

/* The words of GUEST_ARGUMENTS, each with its zero byte. In place of the command's name stands
 * GUEST_TERMINAL if standard error is to be one. */
static char **arguments(void)
{
    static char *argv[GUEST_MAX_ARGUMENTS + 1];
    char *data, message[200];
    size_t size, n = 0;

    if (file_load(GUEST_ARGUMENTS, &data, &size, message, sizeof(message))) {
        fprintf(stderr, "guest: %s\n", message);
        turn_off();
    }
    for (char *word = data; word < data + size && n < GUEST_MAX_ARGUMENTS; word += strlen(word) + 1)
        argv[n++] = word;
    return argv;
}

/* What is no terminal is a pipe, and somebody has to carry what comes through it. */
static int through_pipe(int line)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return line;
    if (fork() == 0) {
        char buffer[4096];
        ssize_t n;

        close(ends[1]);
        while ((n = read(ends[0], buffer, sizeof(buffer))) > 0)
            for (ssize_t done = 0, put; done < n; done += put)
                if ((put = write(line, buffer + done, (size_t)(n - done))) < 0)
                    _exit(1);
        tcdrain(line);
        _exit(0);
    }
    close(ends[0]);
    return ends[1];
}

static pid_t start(char **argv)
{
    const bool terminal = !strcmp(argv[0], GUEST_TERMINAL);
    int out = open_line(GUEST_LINE_OUT), err = open_line(GUEST_LINE_ERR), null;
    pid_t pid;

    out = through_pipe(out);
    if (!terminal)
        err = through_pipe(err);
    pid = fork();
    if (pid) {
        close(out);
        close(err);
        return pid;
    }
    null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    setsid();
    setenv(GUEST_MARK, "1", 1);
    argv[0] = "vmafuzz";
    execv(GUEST_PROGRAM, argv);
    _exit(127);
}

/* ---- what the command leaves ---- */
/* Each file is sent when it is new or has changed: it is there then, whatever becomes of us. */
struct courier {
    FILE *to;
    struct sent {
        char name[NAME_MAX + 1];
        struct timespec changed;
    } * sent;
    size_t nr;
};

static struct sent *sent_of(struct courier *c, const char *name)
{
    struct sent *more;

    for (size_t i = 0; i < c->nr; i++)
        if (!strcmp(c->sent[i].name, name))
            return &c->sent[i];
    more = realloc(c->sent, (c->nr + 1) * sizeof(*more));
    if (!more)
        return NULL;
    c->sent = more;
    more = &c->sent[c->nr++];
    *more = (struct sent){0};
    snprintf(more->name, sizeof(more->name), "%s", name);
    return more;
}

static bool is_whole(const char *name)
{
    static const char *const kinds[] = {".vma", ".c", ".html", ".json"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < sizeof(kinds) / sizeof(*kinds); i++)
        if (!strcmp(dot, kinds[i]))
            return true;
    return false; /* it is still being written, under another name */
}

static void send_new(struct courier *c)
{
    DIR *dir = opendir(GUEST_OUT);

    for (struct dirent *e; dir && c->to && (e = readdir(dir));) {
        char path[sizeof(GUEST_OUT) + sizeof(e->d_name)], message[200];
        struct sent *sent;
        struct stat st;

        snprintf(path, sizeof(path), GUEST_OUT "/%s", e->d_name);
        if (!is_whole(e->d_name) || stat(path, &st) || !S_ISREG(st.st_mode))
            continue;
        sent = sent_of(c, e->d_name);
        if (!sent || !memcmp(&sent->changed, &st.st_mtim, sizeof(st.st_mtim)))
            continue;
        sent->changed = st.st_mtim;
        cpio_put_file(c->to, e->d_name, S_IFREG | 0644, path, message, sizeof(message));
        fflush(c->to);
    }
    if (dir)
        closedir(dir);
}

static void send_end(struct courier *c, int status)
{
    char text[16];

    if (!c->to)
        return;
    send_new(c);
    snprintf(text, sizeof(text), "%d", status);
    cpio_put(c->to, GUEST_STATUS, S_IFREG | 0644, text, strlen(text));
    cpio_end(c->to);
    tcdrain(fileno(c->to));
}

/* For tests: what the host does with a kernel that dies. */
static void crash_later(const char *seconds)
{
    if (!seconds || fork())
        return;
    sleep((unsigned)atoi(seconds));
    close(0);
    if (open("/proc/sysrq-trigger", O_WRONLY) >= 0 && write(0, "c", 1) < 0)
        _exit(1);
    _exit(0);
}

/* Waits for all processes, since what is left behind is ours to wait for, too. The status is that
 * of the command. */
static int wait_for_all(pid_t command, struct courier *c)
{
    const struct timespec second = {.tv_sec = 1};
    int status = 0, s;
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    for (;;) {
        const pid_t ended = waitpid(-1, &s, WNOHANG);

        if (ended < 0 && errno != EINTR)
            return status;
        if (ended == command)
            status = WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
        if (ended > 0)
            continue;
        send_new(c);
        sigtimedwait(&child, NULL, &second);
    }
}

void guest_init(void)
{
    struct courier courier = {0};
    char **argv;

    put_mount("devtmpfs", "/dev");
    put_mount("proc", "/proc");
    put_mount("sysfs", "/sys");
    put_mount("tmpfs", "/tmp");
    put_mount("tmpfs", GUEST_OUT);
    mkdir("/var", 0755);
    put_mount("tmpfs", "/var/tmp");
    put_mount("cgroup2", "/sys/fs/cgroup");
    argv = arguments();
    courier.to = fdopen(open_line(GUEST_LINE_ARCHIVE), "w");
    crash_later(getenv(GUEST_CRASH));
    send_end(&courier, wait_for_all(start(argv), &courier));
    turn_off();
}
