export { Random } from '@cipherformer/base';
