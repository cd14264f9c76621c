import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;

class UdpServer {
    public static void main(String[] arguments) throws Exception {
        var sock = new DatagramSocket(Integer.parseInt(arguments[1]), InetAddress.getByName(arguments[0]));
        while (true) {
            var data = new DatagramPacket(new byte[65536], 65536);
            sock.receive(data);
            sock.send(data);
        }
    }
}
