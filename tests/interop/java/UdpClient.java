import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;

class UdpClient {
    public static void main(String[] arguments) throws Exception {
        byte[] word = System.in.readAllBytes();
        try (var sock = new DatagramSocket()) {
            var server = InetAddress.getByName(arguments[0]);
            sock.send(new DatagramPacket(word, word.length, server, Integer.parseInt(arguments[1])));
            var answer = new DatagramPacket(new byte[65536], 65536);
            sock.receive(answer);
            System.out.write(answer.getData(), 0, answer.getLength());
            System.out.flush();
        }
    }
}
