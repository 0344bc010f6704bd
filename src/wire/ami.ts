/**
 * The Asterisk Manager Interface as bytes: what Asterisk sends is cut into messages, what it is asked becomes bytes.
 * (docs.asterisk.org, "AMI v2 Specification"; Asterisk 16 and 22 were measured, older shapes are read too.)
 */
export { AmiFramer, type AmiFramerOptions, type AmiItem } from './ami-framer.ts';
export { AMI_HEADER_LIMIT, AMI_LINE_LIMIT, AmiMessage, encodeAmiAction, type AmiEntry } from './ami-message.ts';
export {
  amiEventTime,
  channelEndpoint,
  parseInstant,
  parseRemoteAddress,
  type ChannelName,
  type RemoteAddress,
} from './ami-fields.ts';
export { AmiTranscriptReader, readAmiTranscript, type AmiRecorded } from './ami-transcript.ts';
