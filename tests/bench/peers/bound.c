/* The lower bound: what sending a clip to viewers costs a C program that does nothing else. Packets are made beforehand; for
 * each viewer and picture there remain a copy, sequence numbers, SRTP (RFC 3711, RFC 7714) by OpenSSL, and the kernel.
 *
 * bound PACKETS gso|each cm|gcm      says `ready`, then takes viewers as lines of `ADDRESS PORT` on its input
 *
 * PACKETS: for each picture a 16-bit number of packets, for each of these a 16-bit length and its bytes (machine order).
 * Leaves aside what only real connections have: ICE, DTLS, reports, retransmission, pacing.
 */
#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { FPS = 30, SEGMENTS = 44, ROOM = 72 * 1024, VIEWERS = 64, PICTURES = 4096, TAG_CM = 10, TAG_GCM = 16 };

struct packet { int length, payload; const uint8_t *data; };
struct picture { int count; struct packet *packets; };
struct viewer {
    int way;
    struct sockaddr_in to;
    EVP_CIPHER_CTX *cipher;
    SHA_CTX inner, outer; /* HMAC-SHA1 (RFC 2104) with the key already in it */
    uint8_t salt[14];
    uint32_t roc;
    uint16_t sequence;
};

static struct picture pictures[PICTURES];
static struct viewer viewers[VIEWERS];
static int picture_count, viewer_count, gcm, gso, tag;
static uint8_t room[ROOM];

static void fail(const char *what) { perror(what); exit(1); }

static void load(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint16_t count, length;
    if (!file) fail(path);
    while (picture_count < PICTURES && fread(&count, 2, 1, file) == 1) {
        struct picture *one = &pictures[picture_count++];
        one->count = count;
        one->packets = calloc(count, sizeof *one->packets);
        for (int at = 0; at < count; at++) {
            if (fread(&length, 2, 1, file) != 1) fail("length");
            uint8_t *data = malloc(length);
            if (fread(data, 1, length, file) != length) fail("packet");
            int payload = 12 + (data[0] & 0x10 ? 4 + 4 * (data[14] << 8 | data[15]) : 0);
            one->packets[at] = (struct packet){length, payload, data};
        }
    }
    fclose(file);
}

static void admit(const char *address, int port)
{
    struct viewer *one = &viewers[viewer_count];
    uint8_t key[20], pad[64];
    if (viewer_count == VIEWERS) { fprintf(stderr, "too many viewers\n"); exit(1); }
    memset(one, 0, sizeof *one);
    one->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, address, &one->to.sin_addr) != 1) fail(address);
    one->way = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    RAND_bytes(one->salt, sizeof one->salt);
    RAND_bytes(key, sizeof key);
    one->cipher = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(one->cipher, gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL, key, NULL);
    memset(pad, 0x36, 64);
    for (int at = 0; at < 20; at++) pad[at] ^= key[at];
    SHA1_Init(&one->inner);
    SHA1_Update(&one->inner, pad, 64);
    for (int at = 0; at < 64; at++) pad[at] ^= 0x36 ^ 0x5c;
    SHA1_Init(&one->outer);
    SHA1_Update(&one->outer, pad, 64);
    viewer_count++;
}

/* In place; `length` without the tag. The counter block is that of RFC 3711, 4.1.1; the nonce that of RFC 7714, 8.1. */
static void seal(struct viewer *one, uint8_t *packet, int length, int payload)
{
    uint8_t iv[16] = {0};
    uint32_t roc = htonl(one->roc);
    int done;
    if (gcm) {
        memcpy(iv + 2, packet + 8, 4);
        memcpy(iv + 6, &roc, 4);
        memcpy(iv + 10, packet + 2, 2);
        for (int at = 0; at < 12; at++) iv[at] ^= one->salt[at];
        EVP_EncryptInit_ex(one->cipher, NULL, NULL, NULL, iv);
        EVP_EncryptUpdate(one->cipher, NULL, &done, packet, payload);
        EVP_EncryptUpdate(one->cipher, packet + payload, &done, packet + payload, length - payload);
        EVP_EncryptFinal_ex(one->cipher, packet + length, &done);
        EVP_CIPHER_CTX_ctrl(one->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_GCM, packet + length);
        return;
    }
    memcpy(iv + 4, packet + 8, 4);
    memcpy(iv + 8, &roc, 4);
    memcpy(iv + 12, packet + 2, 2);
    for (int at = 0; at < 14; at++) iv[at] ^= one->salt[at];
    EVP_EncryptInit_ex(one->cipher, NULL, NULL, NULL, iv);
    EVP_EncryptUpdate(one->cipher, packet + payload, &done, packet + payload, length - payload);
    uint8_t digest[20];
    SHA_CTX inner = one->inner, outer = one->outer;
    SHA1_Update(&inner, packet, length);
    SHA1_Update(&inner, &roc, 4);
    SHA1_Final(digest, &inner);
    SHA1_Update(&outer, digest, 20);
    SHA1_Final(digest, &outer);
    memcpy(packet + length, digest, TAG_CM);
}

static void flush(struct viewer *one, int size, int stride)
{
    char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct iovec part = {room, size};
    struct msghdr message = {.msg_name = &one->to, .msg_namelen = sizeof one->to, .msg_iov = &part, .msg_iovlen = 1};
    if (gso && size > stride) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = IPPROTO_UDP;
        head->cmsg_type = UDP_SEGMENT;
        head->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        *(uint16_t *)CMSG_DATA(head) = stride;
    }
    sendmsg(one->way, &message, 0);
}

static void send_picture(struct viewer *one, const struct picture *picture)
{
    int size = 0, stride = 0, count = 0;
    for (int at = 0; at < picture->count; at++) {
        const struct packet *packet = &picture->packets[at];
        if (count && (!gso || count == SEGMENTS || packet->length + tag > stride || size % stride)) {
            flush(one, size, stride);
            size = count = 0;
        }
        if (!count) stride = packet->length + tag;
        uint8_t *place = room + size;
        memcpy(place, packet->data, packet->length);
        *(uint16_t *)(place + 2) = htons(one->sequence);
        seal(one, place, packet->length, packet->payload);
        if (!++one->sequence) one->roc++;
        size += packet->length + tag;
        count++;
    }
    if (count) flush(one, size, stride);
}

int main(int argc, char **argv)
{
    struct timespec at;
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    char line[256], address[64];
    int port;
    if (argc != 4) return 2;
    gso = !strcmp(argv[2], "gso");
    gcm = !strcmp(argv[3], "gcm");
    tag = gcm ? TAG_GCM : TAG_CM;
    load(argv[1]);
    setvbuf(stdin, NULL, _IONBF, 0);
    printf("ready\n");
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &at);
    for (long number = 0;; number++) {
        while (poll(&input, 1, 0) > 0) {
            if (!fgets(line, sizeof line, stdin)) return 0;
            if (sscanf(line, "%63s %d", address, &port) == 2) admit(address, port);
        }
        for (int one = 0; one < viewer_count; one++) send_picture(&viewers[one], &pictures[number % picture_count]);
        at.tv_nsec += 1000000000 / FPS;
        if (at.tv_nsec >= 1000000000) { at.tv_nsec -= 1000000000; at.tv_sec++; }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    }
}
