/* SPDX-License-Identifier: GPL-2.0-only */
/* The first process of a guest: mounts what is needed, runs the command, sends back what it left,
 * and turns the machine off. */
#define _GNU_SOURCE
#include "harness/harness.h"
#include "harness/linux/cpio.h"
#include "harness/linux/guest.h"
#include "harness/linux/guest_lines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static void send_back(int status)
{
    FILE *to = fdopen(open_line(GUEST_LINE_ARCHIVE), "w");
    DIR *dir = opendir(GUEST_OUT);
    char text[16], message[200];

    if (!to)
        turn_off();
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char path[sizeof(GUEST_OUT) + sizeof(e->d_name)];

        snprintf(path, sizeof(path), GUEST_OUT "/%s", e->d_name);
        if (e->d_type == DT_REG)
            cpio_put_file(to, e->d_name, S_IFREG | 0644, path, message, sizeof(message));
    }
    snprintf(text, sizeof(text), "%d", status);
    cpio_put(to, GUEST_STATUS, S_IFREG | 0644, text, strlen(text));
    cpio_end(to);
    tcdrain(fileno(to));
}

void guest_init(void)
{
    char **argv;
    int status = 0;
    pid_t pid;

    put_mount("devtmpfs", "/dev");
    put_mount("proc", "/proc");
    put_mount("sysfs", "/sys");
    put_mount("tmpfs", "/tmp");
    put_mount("tmpfs", GUEST_OUT);
    mkdir("/var", 0755);
    put_mount("tmpfs", "/var/tmp");
    put_mount("cgroup2", "/sys/fs/cgroup");
    argv = arguments();
    pid = start(argv);
    for (int s;;) { /* all that is left behind is ours to wait for, too */
        const pid_t ended = wait(&s);

        if (ended == pid)
            status = WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
        if (ended < 0 && errno != EINTR)
            break;
    }
    send_back(status);
    turn_off();
}
