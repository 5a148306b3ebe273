/* evdev_shim: /dev/input/eventN becomes the unix socket $MEDTAP_SIM_INPUT_DIR/eventN, for machines without uinput.
 *
 * Preloaded (LD_PRELOAD) into a process that reads an input device. The socket is SOCK_SEQPACKET; each packet is one
 * struct input_event, so that a reader of any buffer size gets whole events, as from the kernel. The ioctls that
 * libevdev-like clients use to describe a keyboard are answered here. The other end of the socket is hid_scanner.py.
 *
 * Sources: linux/input.h; kernel Documentation/input/input.rst; drivers/input/evdev.c (ENODEV after removal, EVIOCG*
 * return the number of bytes copied).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TRACKED_DESCRIPTORS 1024
#define BITS_PER_BYTE 8
#define LAST_KEYBOARD_KEY 127 /* KEY_COMPOSE: the keys of a plain keyboard are 1 to 127 */

/* Which descriptors are simulated input devices; written by open and close, read by ioctl and read. */
static volatile char simulated[TRACKED_DESCRIPTORS];

static int is_simulated(int fd) { return fd >= 0 && fd < TRACKED_DESCRIPTORS && simulated[fd]; }

/* The number N of /dev/input/eventN, or -1 for any other path or when the simulation is not asked for. */
static int event_number(const char *path) {
  int number, end = 0;
  if (!path || !getenv("MEDTAP_SIM_INPUT_DIR")) return -1;
  if (sscanf(path, "/dev/input/event%d%n", &number, &end) != 1 || path[end] != '\0') return -1;
  return number;
}

static int open_simulated(int number, int flags) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/event%d", getenv("MEDTAP_SIM_INPUT_DIR"), number);
  if (length < 0 || (size_t)length >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (fd >= TRACKED_DESCRIPTORS) {
    close(fd);
    errno = EMFILE;
    return -1;
  }
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    close(fd);
    errno = ENOENT; /* as the kernel: no such device node */
    return -1;
  }
  if (flags & O_NONBLOCK) fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
  simulated[fd] = 1;
  return fd;
}

#define DEFINE_OPEN(name)                                                         \
  int name(const char *path, int flags, ...) {                                    \
    va_list arguments;                                                            \
    va_start(arguments, flags);                                                   \
    int mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, int) : 0;      \
    va_end(arguments);                                                            \
    int number = event_number(path);                                              \
    if (number >= 0) return open_simulated(number, flags);                        \
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);                \
    return next(path, flags, mode);                                               \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                                       \
  int name(int directory, const char *path, int flags, ...) {                     \
    va_list arguments;                                                            \
    va_start(arguments, flags);                                                   \
    int mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(arguments, int) : 0;      \
    va_end(arguments);                                                            \
    int number = event_number(path);                                              \
    if (number >= 0) return open_simulated(number, flags);                        \
    int (*next)(int, const char *, int, ...) = dlsym(RTLD_NEXT, #name);           \
    return next(directory, path, flags, mode);                                    \
  }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int close(int fd) {
  int (*next)(int) = dlsym(RTLD_NEXT, "close");
  if (fd >= 0 && fd < TRACKED_DESCRIPTORS) simulated[fd] = 0;
  return next(fd);
}

/* Unplugged: the simulator closed its end. The kernel says ENODEV then, never end of file. */
ssize_t read(int fd, void *buffer, size_t size) {
  ssize_t (*next)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
  ssize_t count = next(fd, buffer, size);
  int gone = count == 0 || (count < 0 && errno == ECONNRESET);
  if (is_simulated(fd) && size > 0 && gone) {
    errno = ENODEV;
    return -1;
  }
  return count;
}

static int answer_text(char *answer, size_t size, const char *text) {
  snprintf(answer, size, "%s", text);
  return (int)strlen(answer) + 1;
}

static int answer_bits(unsigned char *answer, size_t size, int event_type) {
  memset(answer, 0, size);
  if (event_type == 0 && size > 0) {
    answer[0] = 1 << EV_SYN | 1 << EV_KEY;
  } else if (event_type == EV_KEY) {
    for (size_t key = 1; key <= LAST_KEYBOARD_KEY && key / BITS_PER_BYTE < size; key++)
      answer[key / BITS_PER_BYTE] |= 1 << key % BITS_PER_BYTE;
  }
  return (int)size;
}

static int answer_ioctl(unsigned long request, void *argument) {
  size_t size = _IOC_SIZE(request);
  unsigned number = _IOC_NR(request);
  if (request == EVIOCGVERSION) {
    *(int *)argument = EV_VERSION;
    return 0;
  }
  if (request == EVIOCGID) {
    /* Bus USB; vendor and product of the Linux Foundation's gadgets, so that no real maker's device is claimed. */
    struct input_id id = {.bustype = BUS_USB, .vendor = 0x1d6b, .product = 0x0104, .version = 0x0100};
    memcpy(argument, &id, sizeof id);
    return 0;
  }
  if (request == EVIOCGRAB || request == EVIOCREVOKE || request == EVIOCSCLOCKID) return 0;
  if (number == _IOC_NR(EVIOCGNAME(0))) return answer_text(argument, size, "Simulated barcode scanner (keyboard mode)");
  if (number == _IOC_NR(EVIOCGPHYS(0))) return answer_text(argument, size, "medtap-sim/input0");
  if (number == _IOC_NR(EVIOCGUNIQ(0))) return answer_text(argument, size, "SIM0001");
  if (number == _IOC_NR(EVIOCGREP)) {
    memset(argument, 0, size);
    return 0;
  }
  if (number >= 0x20 && number < 0x20 + EV_CNT) return answer_bits(argument, size, (int)number - 0x20);
  if (number == _IOC_NR(EVIOCGPROP(0)) || number == _IOC_NR(EVIOCGKEY(0)) || number == _IOC_NR(EVIOCGLED(0)) ||
      number == _IOC_NR(EVIOCGSND(0)) || number == _IOC_NR(EVIOCGSW(0))) {
    memset(argument, 0, size);
    return (int)size;
  }
  if (number == _IOC_NR(EVIOCGEFFECTS)) {
    *(int *)argument = 0;
    return 0;
  }
  errno = EINVAL;
  return -1;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  if (is_simulated(fd) && _IOC_TYPE(request) == 'E') return answer_ioctl(request, argument);
  int (*next)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
  return next(fd, request, argument);
}
