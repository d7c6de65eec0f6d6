//go:build !linux

package media

import (
	"log/slog"
	"net"
	"net/netip"
)

// newWaiter returns the seam for a network; nil is the kernel.
func newWaiter(n Network, log *slog.Logger) (waiter, error) {
	if n == nil {
		n = kernelNetwork{}
	}
	return newChannelWaiter(n, log), nil
}

// listenShared opens the port that many browsers share.
func listenShared(n Network, addr netip.AddrPort) (net.PacketConn, error) {
	if n == nil {
		n = kernelNetwork{}
	}
	return n.ListenPacket(addr)
}

// kernelNetwork is the kernel where there is no epoll.
type kernelNetwork struct{}

func (kernelNetwork) ListenPacket(addr netip.AddrPort) (net.PacketConn, error) {
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
}
